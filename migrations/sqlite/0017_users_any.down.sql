DROP INDEX users_any;
