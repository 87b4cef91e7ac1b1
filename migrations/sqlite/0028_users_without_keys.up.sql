CREATE INDEX users_without_keys ON users (id) WHERE search_name IS NULL;
