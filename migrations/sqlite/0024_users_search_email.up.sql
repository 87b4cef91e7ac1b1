-- The address in the same form.
ALTER TABLE users ADD COLUMN search_email TEXT;
