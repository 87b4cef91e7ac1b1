-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS activities_by_time
    ON activities (user_id, occurred_at, id);
