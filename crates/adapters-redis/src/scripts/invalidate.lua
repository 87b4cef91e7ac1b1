-- KEYS[1]; ARGV: floor, milliseconds to keep it. Answers 1 when something changed.
local _, tag, number = stored(KEYS[1])
local floor = ARGV[1]
if tag and tag ~= 'N' and number >= floor then return 0 end
if tag and number > floor then floor = number end
local set = redis.pcall('SET', KEYS[1], 'T' .. floor, 'PX', ARGV[2])
-- A full server refuses to store, and must not go on serving what is stale: without the key
-- there is neither value nor lease, and whoever loads next reads the database after this.
if set.err then redis.call('DEL', KEYS[1]) end
return 1
