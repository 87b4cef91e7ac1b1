-- In front of the scripts about the watermark. INFO needs no key, and its fields have the same
-- names in Redis and Valkey.
local function field(section, name)
  local info = redis.call('INFO', section)
  return string.match(info, '\n' .. name .. ':([^\r\n]*)') or ''
end

-- The stored string; '' stands for a key that holds none.
local function read(key)
  local c = redis.pcall('GET', key)
  if type(c) == 'table' then return '' end
  return c
end
