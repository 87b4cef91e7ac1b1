-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS notifications_by_time
    ON notifications (user_id, created_at, id);
