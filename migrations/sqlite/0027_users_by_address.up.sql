CREATE INDEX users_by_address
ON users (is_active + 0, search_shared, search_email, id, name, email, created_at, search_name,
    is_active, deleted_at)
WHERE deleted_at IS NULL;
