DROP INDEX notifications_archived;
