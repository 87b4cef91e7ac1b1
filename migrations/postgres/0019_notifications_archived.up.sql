-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS notifications_archived
    ON notifications (user_id, created_at, id)
    WHERE archived_at IS NOT NULL;
