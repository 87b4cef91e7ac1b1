DROP INDEX users_any;
DROP INDEX users_inactive;
DROP INDEX users_active;
