-- One client that asks the same again and again, a few milliseconds after each answer. It waits for
-- one answer at a time, so the longest (max_ms) is how long the server was busy with other things.
--   wrk -t1 -c1 -d 5s -s loadtest/poll.lua http://127.0.0.1:8080/healthz -- pace=200

local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
local common = dofile(here .. "common.lua")

function init(args)
  local words = common.words(args, { pace = "200" })
  common.pace(words.pace, "1")
end
