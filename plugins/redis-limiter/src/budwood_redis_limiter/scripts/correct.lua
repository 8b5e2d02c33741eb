-- Lowers the level of a rate to what the vendor reports. Further ARGV: the units that remain, and the seconds until
-- there are more; empty if that is unknown.

local units, blocked = level(claims[1])
local remaining, delay = tonumber(options[1]), tonumber(options[2])
if remaining <= 0 and delay then
  blocked = math.max(blocked, now + delay)
end
set_level(claims[1], math.min(units, math.max(remaining, 0)), blocked)
return {}
