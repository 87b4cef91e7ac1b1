-- What a search compares: the name folded by the service. NULL in a row that a release without
-- it stored; whoever opens the file fills those.
ALTER TABLE users ADD COLUMN search_name TEXT;
