-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_by_address
    ON users (is_active, search_shared, search_email, id)
    INCLUDE (name, email, created_at, search_name)
    WHERE deleted_at IS NULL;
