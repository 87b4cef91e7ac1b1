DROP INDEX activities_by_time;
