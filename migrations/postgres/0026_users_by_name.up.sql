-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_by_name
    ON users (is_active, search_name, id) INCLUDE (name, email, created_at)
    WHERE deleted_at IS NULL;
