-- Each list walks one of these and reads no row of the table: to know that, SQLite needs the
-- columns of the condition in the index, of two octets a row.
CREATE INDEX users_active ON users (created_at, id, name, email, is_active, deleted_at)
WHERE deleted_at IS NULL AND is_active = 1;

CREATE INDEX users_inactive ON users (created_at, id, name, email, is_active, deleted_at)
WHERE deleted_at IS NULL AND is_active = 0;

CREATE INDEX users_any ON users (created_at, id, name, email, deleted_at)
WHERE deleted_at IS NULL;
