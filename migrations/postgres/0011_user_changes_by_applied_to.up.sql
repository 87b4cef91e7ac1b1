-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS user_changes_by_applied_to
    ON user_changes (applied_to);
