CREATE INDEX users_inactive ON users (created_at, id, name, email, is_active, deleted_at)
WHERE deleted_at IS NULL AND is_active = 0;
