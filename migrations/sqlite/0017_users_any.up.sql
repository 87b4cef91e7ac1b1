CREATE INDEX users_any ON users (created_at, id, name, email, deleted_at)
WHERE deleted_at IS NULL;
