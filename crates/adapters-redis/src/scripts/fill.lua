-- KEYS; ARGV: for each key a token, an envelope, milliseconds to keep it.
-- Answers for each key 0 refused, 1 stored, 2 older than the floor, or why the server would not
-- store it, which is no reason to keep the next one out. Closed by default: no lease, no fill.
-- GETEX is a write to the server: what only a fill read is not tracked, and its own SET not pushed
-- back to it. A key of another type answers an error.
local function fill(key, token, envelope, keep)
  local c = redis.pcall('GETEX', key)
  if type(c) ~= 'string' or #c ~= 49 or string.sub(c, 1, 1) ~= 'L'
    or string.sub(c, 34, 49) ~= token then
    return 0
  end
  local number = string.sub(c, 2, 17)
  if string.sub(envelope, 2, 17) < number then
    local set = redis.pcall('SET', key, 'T' .. number, 'KEEPTTL')
    return set.err and set or 2
  end
  local set = redis.pcall('SET', key, envelope, 'PX', keep)
  return set.err and set or 1
end

local answers = {}
for i, key in ipairs(KEYS) do
  answers[i] = fill(key, ARGV[3 * i - 2], ARGV[3 * i - 1], ARGV[3 * i])
end
return answers
