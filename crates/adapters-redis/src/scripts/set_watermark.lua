-- KEYS: watermark. ARGV: run_id and master_replid at the beginning of the round, the watermark,
-- and perhaps the bytes that were stored then and could not be read.
-- Answers 1 when it is stored, 0 when the data is no longer that of the beginning, or when a
-- watermark of the same clock and epoch is there that is not older. One of another epoch is
-- replaced whatever it says: a clock that stepped back far would keep it, and with it the reason
-- to raise the epoch, for as long as the step.
local new = ARGV[3]
if field('server', 'run_id') ~= ARGV[1] then return 0 end
if field('replication', 'master_replid') ~= ARGV[2] then return 0 end
local c = read(KEYS[1])
if c and c ~= ARGV[4] and string.find(c, '^W1' .. string.rep('[0-9a-f]', 16))
  and string.sub(c, 75) == ARGV[1]
  and string.sub(c, 35, 66) == string.sub(new, 35, 66)
  and string.sub(c, 3, 18) >= string.sub(new, 3, 18) then
  return 0
end
-- Without a time to live, or a policy that evicts what has one would take it first.
redis.call('SET', KEYS[1], new)
return 1
