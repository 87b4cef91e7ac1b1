-- The claim that makes an address unique, under its normalised form. It outlives a soft
-- deletion, so that a restore never conflicts. No foreign key: it would need an index over
-- user_id only to delete a user.
CREATE TABLE user_emails (
    email TEXT NOT NULL PRIMARY KEY,
    user_id BLOB NOT NULL CHECK (length(user_id) = 16)
) STRICT, WITHOUT ROWID;
