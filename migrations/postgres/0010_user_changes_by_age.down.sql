-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS user_changes_by_age;
