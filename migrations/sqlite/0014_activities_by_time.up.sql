-- The kind stands in the index so that a filter by kind reads no rows of other kinds.
CREATE INDEX activities_by_time ON activities (user_id, occurred_at, id, kind);
