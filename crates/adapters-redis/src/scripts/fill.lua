-- KEYS[1]; ARGV: token, envelope, milliseconds to keep it.
-- Answers 0 refused, 1 stored, 2 older than the floor. Closed by default: no lease, no fill.
local c, tag, number = stored(KEYS[1])
if tag ~= 'L' or string.sub(c, 34, 49) ~= ARGV[1] then return 0 end
if string.sub(ARGV[2], 2, 17) < number then
  redis.call('SET', KEYS[1], 'T' .. number, 'KEEPTTL')
  return 2
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
