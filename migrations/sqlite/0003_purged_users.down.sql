DROP TABLE purged_users;
