-- Sends the requests of a file in turn. A line is: method, path, one more header or nothing, body or nothing,
-- with tabs between them. Arguments: host, the headers of every request (with "|" between them), the file,
-- and how many threads share the requests when each is to be sent once; without it they are sent again and again.

local started = 0

function setup(thread)
  thread:set("number", started)
  started = started + 1
end

local ffi = require("ffi")
ffi.cdef("int getpid(void); int kill(int pid, int signal);")
local interrupt = 2

local requests = {}
local at = 1
-- Behind it this thread has nothing to send; nil when it begins anew.
local last

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
  if args[4] then
    local threads = tonumber(args[4])
    at = 1 + math.floor(#requests * number / threads)
    last = math.floor(#requests * (number + 1) / threads)
  else
    -- Each thread begins elsewhere.
    at = 1 + math.floor(#requests / 2) * (number % 2)
  end
end

function request()
  if last and at > last then
    -- The signal ends the whole run, so that the time of the result is that of the load. What is sent until
    -- then nobody reads.
    wrk.thread:stop()
    ffi.C.kill(ffi.C.getpid(), interrupt)
    return requests[last]
  end
  local next = requests[at]
  if last then
    at = at + 1
    return next
  end
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
