-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_without_keys
    ON users (id)
    WHERE search_name IS NULL;
