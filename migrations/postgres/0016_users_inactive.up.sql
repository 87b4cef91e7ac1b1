-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_inactive
    ON users (created_at, id) INCLUDE (name, email)
    WHERE NOT is_active AND deleted_at IS NULL;
