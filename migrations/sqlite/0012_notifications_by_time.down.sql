DROP INDEX notifications_by_time;
