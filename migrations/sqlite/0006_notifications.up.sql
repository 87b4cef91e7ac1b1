-- Without row ids the rows of one user lie side by side: a page of a feed reads a few pages
-- of the file, however the feeds grew into each other.
CREATE TABLE notifications (
    user_id BLOB NOT NULL REFERENCES users (id),
    id BLOB NOT NULL CHECK (length(id) = 16),
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    body TEXT,
    data TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    read_at INTEGER,
    archived_at INTEGER,
    PRIMARY KEY (user_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX notifications_feed ON notifications (user_id, created_at, id);

-- A row is in one of these three, so that each state lists as fast as the whole feed.
CREATE INDEX notifications_unread ON notifications (user_id, created_at, id)
WHERE read_at IS NULL AND archived_at IS NULL;

CREATE INDEX notifications_read ON notifications (user_id, created_at, id)
WHERE read_at IS NOT NULL AND archived_at IS NULL;

CREATE INDEX notifications_archived ON notifications (user_id, created_at, id)
WHERE archived_at IS NOT NULL;
