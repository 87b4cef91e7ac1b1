-- The kind stands in the index so that a filter by kind reads no rows of other kinds.
CREATE TABLE activities (
    user_id BLOB NOT NULL REFERENCES users (id),
    id BLOB NOT NULL CHECK (length(id) = 16),
    kind TEXT NOT NULL,
    occurred_at INTEGER NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (user_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX activities_feed ON activities (user_id, occurred_at, id, kind);
