-- Exact: every write changes them in its own transaction.
CREATE TABLE user_stats (
    user_id BLOB NOT NULL PRIMARY KEY REFERENCES users (id),
    notifications INTEGER NOT NULL CHECK (notifications >= 0),
    unread INTEGER NOT NULL CHECK (unread BETWEEN 0 AND notifications),
    activities INTEGER NOT NULL CHECK (activities >= 0),
    last_activity_at INTEGER
) STRICT, WITHOUT ROWID;
