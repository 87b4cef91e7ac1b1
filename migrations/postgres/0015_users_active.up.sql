-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_active
    ON users (created_at, id) INCLUDE (name, email)
    WHERE is_active AND deleted_at IS NULL;
