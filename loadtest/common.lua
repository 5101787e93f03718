-- What the scripts share: the words of the command line, the pace, and a last line of figures
-- for programs. Each script loads this file from its own directory.

local common = {}

-- The "name=value" words after wrk's "--" replace the defaults.
function common.words(args, defaults)
  for _, word in ipairs(args) do
    local name, value = word:match("^(%w+)=(.*)$")
    if not name or defaults[name] == nil then
      error("unknown word '" .. word .. "'")
    end
    defaults[name] = value
  end
  return defaults
end

-- Requests per second for all connections of this thread; 0: no limit. wrk waits delay()
-- milliseconds before each request, so the pace is an upper limit: slow answers lower it.
-- The waits are spread, so that the connections do not all send at once.
function common.pace(pace, connections)
  pace = tonumber(pace)
  if pace > 0 then
    local mean = 1000 * tonumber(connections) / pace
    function delay()
      return math.floor(mean * (0.5 + math.random()) + 0.5)
    end
  end
end

function done(summary, latency)
  local seconds = summary.duration / 1e6
  local errors = summary.errors
  io.write(string.format(
    'loadtest: {"requests":%d,"seconds":%.2f,"per_second":%.1f,"p50_ms":%.3f,"p99_ms":%.3f,'
      .. '"max_ms":%.3f,"refused":%d,"broken":%d}\n',
    summary.requests, seconds, summary.requests / seconds,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    latency.max / 1000, errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end

return common
