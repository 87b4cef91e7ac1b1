-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS notifications_read
    ON notifications (user_id, created_at, id)
    WHERE read_at IS NOT NULL AND archived_at IS NULL;
