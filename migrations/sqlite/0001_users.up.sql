-- Moments are microseconds since 1970 in UTC; metadata is canonical JSON.
-- A table with row ids: rows of up to 16 KiB would make the key's tree deep without them.
CREATE TABLE users (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    is_active INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    locale TEXT,
    avatar_url TEXT,
    metadata TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;
