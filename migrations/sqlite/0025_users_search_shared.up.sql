-- How many characters both begin with, up to 8.
ALTER TABLE users ADD COLUMN search_shared INTEGER;
