-- What stays of an erased user, so that the id is never used again.
CREATE TABLE purged_users (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    version INTEGER NOT NULL CHECK (version > 0)
) STRICT, WITHOUT ROWID;
