-- KEYS[1]; ARGV: token, milliseconds of lease, and perhaps the bytes that the caller cannot use
-- and the floor that they leave: the number of a stranger's value says nothing about this row.
-- Answers {stored bytes}, 'W' and the milliseconds that another lease still holds, or 'G' and
-- the floor; 'F' and the floor when the key held no string.
local c, tag, number, foreign = stored(KEYS[1])
local bound = tag == 'T' or tag == 'L'
if c and not bound and c ~= ARGV[3] then return {c} end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease = tonumber(ARGV[2])
local keep = lease
if tag == 'L' then
  local deadline = tonumber(string.sub(c, 18, 33)) or 0
  if now < deadline then
    -- One that has no floor may end with its key alone.
    local left, ends = deadline - now, redis.call('PTTL', KEYS[1])
    if ends > 0 then left = math.min(left, ends) end
    return 'W' .. string.format('%.0f', left)
  end
end
if bound then
  -- The floor lives on for as long as it would have; the deadline alone frees the lease.
  keep = math.max(keep, redis.call('PTTL', KEYS[1]))
end

local floor = bound and number or NONE
if tag == 'V' then floor = ARGV[4] end
redis.call('SET', KEYS[1],
  'L' .. floor .. string.format('%016.0f', now + lease) .. ARGV[1],
  'PX', string.format('%.0f', keep))
return (foreign and 'F' or 'G') .. floor
