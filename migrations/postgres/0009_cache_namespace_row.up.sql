-- Random, because a counter would come back after a restore and revive old cache entries.
INSERT INTO cache_namespace (singleton, database, epoch)
VALUES (true, gen_random_uuid(), gen_random_uuid());
