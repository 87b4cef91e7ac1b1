-- KEYS[1]; ARGV: token. Answers 1 when the lease was the caller's.
local c, tag, number = stored(KEYS[1])
if tag ~= 'L' or string.sub(c, 34, 49) ~= ARGV[1] then return 0 end
if number > NONE then
  redis.call('SET', KEYS[1], 'T' .. number, 'KEEPTTL')
else
  redis.call('DEL', KEYS[1])
end
return 1
