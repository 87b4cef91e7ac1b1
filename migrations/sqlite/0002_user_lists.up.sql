-- Each list walks one of these and reads no row of the table.
CREATE INDEX users_active ON users (created_at, id, name, email)
WHERE deleted_at IS NULL AND is_active = 1;

CREATE INDEX users_inactive ON users (created_at, id, name, email)
WHERE deleted_at IS NULL AND is_active = 0;

CREATE INDEX users_any ON users (created_at, id, name, email)
WHERE deleted_at IS NULL;
