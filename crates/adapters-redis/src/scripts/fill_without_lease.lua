-- KEYS; ARGV: for each key a token, an envelope, milliseconds to keep it. Answers 1 for each:
-- whatever was read is stored.
local answers = {}
for i, key in ipairs(KEYS) do
  redis.call('SET', key, ARGV[3 * i - 1], 'PX', ARGV[3 * i])
  answers[i] = 1
end
return answers
