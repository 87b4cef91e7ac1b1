-- Sends the requests of a file in turn. Arguments: the file, the file of where each of them begins (unsigned numbers
-- of 32 bits, one more than there are requests), how many there are, how many threads, and "once" when each is to be
-- sent once, by one thread; without it they are sent again and again.
-- Both files are mapped rather than read: wrk starts its first thread before it makes the second one ready.

local threads = {}

function setup(thread)
  thread:set("number", #threads)
  threads[#threads + 1] = thread
end

-- So many were sent, by each thread for itself.
sent = 0

local ffi = require("ffi")
ffi.cdef([[
  int getpid(void);
  int kill(int pid, int signal);
  int open(const char *path, int flags);
  void *mmap(void *at, size_t length, int protection, int flags, int file, long offset);
]])
local interrupt = 2
local read_only, protect_read, map_private, map_populate = 0, 1, 2, 0x8000

local function mapped(path, length)
  local file = ffi.C.open(path, read_only)
  local at = ffi.C.mmap(nil, length, protect_read, map_private + map_populate, file, 0)
  assert(file >= 0 and at ~= ffi.cast("void *", -1), path .. " cannot be mapped")
  return at
end

local octets, starts, count
local at = 0
-- Where this thread has nothing more to send; nil when it begins anew.
local last

function init(args)
  count = tonumber(args[3])
  starts = ffi.cast("const uint32_t *", mapped(args[2], 4 * (count + 1)))
  octets = ffi.cast("const char *", mapped(args[1], starts[count]))
  local threads = tonumber(args[4])
  -- Each thread begins elsewhere.
  at = math.floor(count * number / threads)
  if args[5] then
    last = math.floor(count * (number + 1) / threads)
  end
end

local function at_index(index)
  local start = starts[index]
  return ffi.string(octets + start, starts[index + 1] - start)
end

function request()
  if last and at >= last then
    -- The signal ends the whole run, so that the time of the result is that of the load. What is sent until
    -- then nobody reads.
    wrk.thread:stop()
    ffi.C.kill(ffi.C.getpid(), interrupt)
    return at_index(last - 1)
  end
  local request = at_index(at)
  at = at + 1
  sent = sent + 1
  if not last and at == count then
    at = 0
  end
  return request
end

function done(summary, latency)
  local all = 0
  for _, thread in ipairs(threads) do
    all = all + thread:get("sent")
  end
  io.write(string.format(
    "RESULT requests=%d sent=%d micros=%d bytes=%d broken=%d refused=%d p50=%d p90=%d p99=%d p999=%d max=%d\n",
    summary.requests, all, summary.duration, summary.bytes,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    summary.errors.status,
    latency:percentile(50), latency:percentile(90), latency:percentile(99), latency:percentile(99.9), latency.max))
end
