-- One client that repeats one request, a few milliseconds after each answer. It waits for each answer,
-- so the longest wait (max_ms) is how long the server was busy with other work.
--   wrk -t1 -c1 -d 5s -s loadtest/poll.lua http://127.0.0.1:8080/healthz -- pace=200

local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
local common = dofile(here .. "common.lua")

function init(args)
  local words = common.words(args, { pace = "200" })
  common.pace(words.pace, "1")
end
