-- Gives up the places of a ticket, and replaces what it was granted by what it used. Further ARGV: the units that it
-- used of each claim; empty for what it was granted.

leave()
for number, claim in ipairs(claims) do
  local granted = redis.call('HGET', grant, claim.name)
  if granted then
    local units = tonumber(options[number] == '' and granted or options[number]) - tonumber(granted)
    if claim.kind == 'rate' then
      local left, blocked = level(claim)
      set_level(claim, math.min(left - units, capacity(claim)), blocked)
    elseif claim.kind == 'concurrency' then
      redis.call('ZREM', claim.data, slot(claim, granted))
    else
      add_to_quota(claim, units)
    end
    redis.call('HDEL', grant, claim.name)
  end
end
return {}
