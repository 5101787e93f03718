-- A mix of routes by weight: most of the work is correct and a little of it leaks, as in practice.
--   wrk -d 5s -s loadtest/mix.lua http://127.0.0.1:8080 -- mix=fixed/healthy:90,fixed/slice:9,slice:1
-- Words: mix (a scene alone means its leak), and pace with connections (see common.lua).

local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
local common = dofile(here .. "common.lua")
local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("seed", threads) -- the same requests in each run, different ones in each thread
end

-- "fixed/slice:9,slice:1" becomes a list of requests, each with the sum of the weights so far, and the total.
local function read_mix(text)
  local choices, total = {}, 0
  for route, weight in text:gmatch("([^,:]+):(%d+)") do
    total = total + tonumber(weight)
    if not route:find("/", 1, true) then
      route = "leak/" .. route
    end
    choices[#choices + 1] = { up_to = total, bytes = wrk.format("POST", "/" .. route) }
  end
  if total == 0 then
    error("a mix looks like healthy:8,slice:1,fixed/client:1")
  end
  return choices, total
end

function init(args)
  local words = common.words(args, { mix = "fixed/healthy:90,fixed/slice:9,slice:1", pace = "0", connections = "8" })
  local choices, total = read_mix(words.mix)

  math.randomseed(seed)
  common.pace(words.pace, words.connections)
  request = function()
    local at = math.random(total)
    for _, choice in ipairs(choices) do
      if at <= choice.up_to then
        return choice.bytes
      end
    end
  end
end
