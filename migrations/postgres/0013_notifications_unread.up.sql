-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS notifications_unread
    ON notifications (user_id, created_at, id)
    WHERE read_at IS NULL AND archived_at IS NULL;
