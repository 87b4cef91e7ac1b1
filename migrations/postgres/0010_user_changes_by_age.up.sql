-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS user_changes_by_age
    ON user_changes (changed_at);
