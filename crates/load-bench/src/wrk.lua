-- Sends the requests of a file in turn. A line is: method, path, one more header or nothing, body or nothing,
-- with tabs between them. Arguments: host, the headers of every request (with "|" between them), the file.

local started = 0

function setup(thread)
  thread:set("number", started)
  started = started + 1
end

local requests = {}
local at = 1

function init(args)
  local common = "Host: " .. args[1] .. "\r\n"
  for header in args[2]:gmatch("[^|]+") do
    common = common .. header .. "\r\n"
  end
  for line in io.lines(args[3]) do
    local method, path, extra, body = line:match("^([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)$")
    local head = method .. " " .. path .. " HTTP/1.1\r\n" .. common
    if extra ~= "" then
      head = head .. extra .. "\r\n"
    end
    if body ~= "" then
      head = head .. "Content-Type: application/merge-patch+json\r\nContent-Length: " .. #body .. "\r\n"
    end
    requests[#requests + 1] = head .. "\r\n" .. body
  end
  -- Each thread begins elsewhere.
  at = 1 + math.floor(#requests / 2) * (number % 2)
end

function request()
  local next = requests[at]
  at = at % #requests + 1
  return next
end

function done(summary, latency)
  io.write(string.format(
    "RESULT requests=%d micros=%d bytes=%d broken=%d refused=%d p50=%d p90=%d p99=%d p999=%d max=%d\n",
    summary.requests, summary.duration, summary.bytes,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    summary.errors.status,
    latency:percentile(50), latency:percentile(90), latency:percentile(99), latency:percentile(99.9), latency.max))
end
