-- The leak for some seconds, a pause of two seconds, then the fix for the same time: growth that stops
-- is the best proof of a fix. The pause allows a snapshot between the two (see run).
--   wrk -d 12s -s loadtest/leaky-then-fixed.lua http://127.0.0.1:8080 -- scene=slice seconds=5
-- wrk's duration is twice the seconds plus two. Words: scene, seconds, query, and pace with
-- connections (see common.lua).

local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
local common = dofile(here .. "common.lua")
local PAUSE = 2

-- os.time() is too coarse and wrk gives its scripts no clock, so this calls clock_gettime().
local ffi = require("ffi")
ffi.cdef([[
  struct leakyard_timespec { long seconds, nanoseconds; };
  int clock_gettime(int clock, struct leakyard_timespec *now);
]])
local spec = ffi.new("struct leakyard_timespec")
local function now()
  ffi.C.clock_gettime(1, spec) -- CLOCK_MONOTONIC
  return tonumber(spec.seconds) + tonumber(spec.nanoseconds) / 1e9
end

function init(args)
  local words = common.words(args, { scene = "slice", seconds = "5", query = "", pace = "0", connections = "8" })
  local query = words.query ~= "" and "?" .. words.query or ""
  local leaky = wrk.format("POST", "/leak/" .. words.scene .. query)
  local fixed = wrk.format("POST", "/fixed/" .. words.scene .. query)
  local seconds, begin = tonumber(words.seconds), now()

  common.pace(words.pace, words.connections)
  local paced = delay

  -- wrk calls delay() and then request(), so a request that falls into the pause waits for its end.
  function delay()
    local left = begin + seconds + PAUSE - now()
    if left > 0 and left <= PAUSE then
      return math.ceil(left * 1000)
    end
    return paced and paced() or 0
  end
  request = function()
    return now() < begin + seconds and leaky or fixed
  end
end
