-- With the columns of the condition, so that a page reads no row of the table. An expression comes
-- first, because the planner would take a column that is compared for reason to walk the lists on
-- this index.
CREATE INDEX users_by_name
ON users (is_active + 0, search_name, id, name, email, created_at, is_active, deleted_at)
WHERE deleted_at IS NULL;
