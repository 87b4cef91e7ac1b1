-- A list walks its index and reads no row of the table: to know that, SQLite needs the columns
-- of the condition in the index, which are two octets a row.
CREATE INDEX users_active ON users (created_at, id, name, email, is_active, deleted_at)
WHERE deleted_at IS NULL AND is_active = 1;
