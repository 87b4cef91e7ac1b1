-- A row is in one of unread, read and archived, so that each state lists as fast as the whole
-- feed and a row costs one entry.
CREATE INDEX notifications_unread ON notifications (user_id, created_at, id)
WHERE read_at IS NULL AND archived_at IS NULL;
