DROP INDEX users_without_keys;
