-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS activities_by_kind;
