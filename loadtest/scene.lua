-- One scene, one variant.
--   wrk -d 5s -s loadtest/scene.lua http://127.0.0.1:8080 -- scene=slice variant=leak query=size=4096
-- Words: scene, variant (leak or fixed), query, and pace with connections (see common.lua).

local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
local common = dofile(here .. "common.lua")

function init(args)
  local words = common.words(args, { scene = "slice", variant = "leak", query = "", pace = "0", connections = "8" })
  local query = words.query ~= "" and "?" .. words.query or ""
  local bytes = wrk.format("POST", "/" .. words.variant .. "/" .. words.scene .. query)

  common.pace(words.pace, words.connections)
  request = function()
    return bytes
  end
end
