-- KEYS[1]; ARGV: token, envelope, milliseconds to keep it.
-- Answers 0 refused, 1 stored, 2 older than the floor. Closed by default: no lease, no fill.
-- GETEX is a write to the server: what only a fill read is not tracked, and its own SET not pushed
-- back to it. A key of another type answers an error.
local c = redis.pcall('GETEX', KEYS[1])
if type(c) ~= 'string' or #c ~= 49 or string.sub(c, 1, 1) ~= 'L'
  or string.sub(c, 34, 49) ~= ARGV[1] then
  return 0
end
local number = string.sub(c, 2, 17)
if string.sub(ARGV[2], 2, 17) < number then
  redis.call('SET', KEYS[1], 'T' .. number, 'KEEPTTL')
  return 2
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
