-- KEYS: watermark, claim. ARGV: perhaps the token of the holder and milliseconds to hold it.
-- Answers 'B' when somebody else holds the claim; else {role, run_id, master_replid, watermark,
-- seconds, microseconds}.
local role = field('replication', 'role')
if ARGV[1] and role == 'master' then
  local holder = read(KEYS[2])
  if holder and #holder == 16 and holder ~= ARGV[1] then return 'B' end
  -- A full server refuses to store it: rounds side by side cost work and harm nothing.
  redis.pcall('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
end
local time = redis.call('TIME')
return {role, field('server', 'run_id'), field('replication', 'master_replid'),
  read(KEYS[1]), time[1], time[2]}
