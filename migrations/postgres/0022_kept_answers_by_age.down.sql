-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS kept_answers_by_age;
