CREATE INDEX activities_by_kind ON activities (user_id, kind, occurred_at, id);
