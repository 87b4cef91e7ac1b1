-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_any
    ON users (created_at, id) INCLUDE (name, email)
    WHERE deleted_at IS NULL;
