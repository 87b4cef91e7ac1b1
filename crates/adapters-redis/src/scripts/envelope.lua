-- In front of every script. Numbers stay text: a Lua number is a double and loses 2^53. Sixteen
-- lower-case hex digits have the same order as text in every collation that Redis may start with.
local NONE = string.rep('0', 16)
local WELL_FORMED = '^[VNTL]' .. string.rep('[0-9a-f]', 16)

-- The stored string, its tag and its number; the tag is nil when somebody else wrote it.
-- A fourth answer tells a key that holds no string at all.
local function stored(key)
  local c = redis.pcall('GET', key)
  if type(c) == 'table' then
    if string.sub(c.err, 1, 9) == 'WRONGTYPE' then return nil, nil, nil, true end
    c = redis.call('GET', key)
  end
  if not c or not string.find(c, WELL_FORMED) then return c end
  local tag = string.sub(c, 1, 1)
  if (tag == 'T' and #c ~= 17) or (tag == 'L' and #c ~= 49) then return c end
  return c, tag, string.sub(c, 2, 17)
end
