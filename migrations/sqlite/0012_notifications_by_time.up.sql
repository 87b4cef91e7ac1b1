CREATE INDEX notifications_by_time ON notifications (user_id, created_at, id);
