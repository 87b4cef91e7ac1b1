-- What a search compares: name and address folded by the service, ordered by octets whatever
-- the locale of the database is, and how many characters both begin with, up to 8. NULL in a
-- row that a release without them stored; the migrator and the service fill those.
ALTER TABLE users
    ADD COLUMN search_name   text COLLATE "C",
    ADD COLUMN search_email  text COLLATE "C",
    ADD COLUMN search_shared smallint;
