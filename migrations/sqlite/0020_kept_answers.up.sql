-- The answers of writes that were made under a key of their caller, for those who ask again.
-- slot is a digest of caller and key, request one of all that decides the answer.
CREATE TABLE kept_answers (
    slot BLOB NOT NULL PRIMARY KEY CHECK (length(slot) = 32),
    request BLOB NOT NULL CHECK (length(request) = 32),
    user_id BLOB NOT NULL CHECK (length(user_id) = 16),
    version INTEGER CHECK (version > 0),
    answer BLOB NOT NULL,
    kept_at INTEGER NOT NULL
) STRICT;
