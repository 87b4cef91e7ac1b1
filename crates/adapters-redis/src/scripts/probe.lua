-- KEYS: watermark. Answers {role, run_id, watermark, seconds, microseconds}, all of one moment.
local time = redis.call('TIME')
return {field('replication', 'role'), field('server', 'run_id'), read(KEYS[1]), time[1], time[2]}
