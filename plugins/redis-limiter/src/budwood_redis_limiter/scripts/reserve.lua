-- Takes all claims or none. Returns nothing, or the number of the claim that does not fit, the delay, and what is left.
-- Further ARGV: seconds that a slot is leased, seconds that a place is kept after its delay, and between two questions.

local lease, patience, poll = tonumber(options[1]), tonumber(options[2]), tonumber(options[3])
local MAX_DELAY = 1

local function is_quota(claim)
  return claim.kind == 'quota' or claim.kind == 'own quota'
end

local function find_exhausted_quota(asked)
  local worst
  for _, claim in ipairs(asked) do
    if is_quota(claim) then
      local left = claim.limit - tonumber(redis.call('GET', claim.data) or 0)
      if claim.amount > left then
        local delay = claim.resets_at > 0 and math.max(claim.resets_at - now, 0.001) or math.huge
        if not worst or delay > worst.delay then
          worst = { claim = claim, delay = delay, left = math.max(left, 0) }
        end
      end
    end
  end
  return worst
end

-- Whether another ticket is first. Tickets whose process no longer asks lose their places here.
local function is_behind(claim)
  while true do
    local first = redis.call('ZRANGE', claim.queue, 0, 0)[1]
    if not first or first == ticket then
      return false
    end
    if tonumber(redis.call('ZSCORE', alive, first) or 0) >= now then
      return true
    end
    redis.call('ZREM', claim.queue, first)
    redis.call('ZREM', alive, first)
  end
end

local function active(claim)
  redis.call('ZREMRANGEBYSCORE', claim.data, '-inf', now)
  local sum = 0
  for _, member in ipairs(redis.call('ZRANGE', claim.data, 0, -1)) do
    sum = sum + tonumber(string.match(member, '^%S+'))
  end
  return sum
end

-- Returns the delay until a claim fits if all tickets before it take as much, and what is left now.
local function compare(claim, before)
  if claim.kind == 'concurrency' then
    local left = claim.limit - active(claim)
    return left < math.min(claim.amount, claim.limit) and poll or 0, math.max(left, 0)
  end
  local units, blocked = level(claim)
  local missing = math.min(claim.amount, capacity(claim)) + before * claim.amount - units
  local delay = missing > 1e-9 and missing * claim.period / claim.limit or 0
  return math.max(delay, blocked - now, 0), math.max(units, 0)
end

local function find_shortage(asked)
  local worst
  for _, claim in ipairs(asked) do
    if not is_quota(claim) then
      local behind = is_behind(claim)
      local before = 0
      if behind then
        before = redis.call('ZRANK', claim.queue, ticket) or redis.call('ZCARD', claim.queue)
      end
      local delay, left = compare(claim, before)
      if behind then
        delay = math.min(math.max(delay, poll), MAX_DELAY) -- those before it may give up
      end
      if delay > 0 and (not worst or delay > worst.delay) then
        worst = { claim = claim, delay = math.max(delay, 0.001), left = left }
      end
    end
  end
  return worst
end

-- Keeps the places of a ticket, or adds it to the ends of all queues: their orders agree.
local function join(asked, delay)
  local place
  for _, claim in ipairs(asked) do
    place = place or redis.call('ZSCORE', claim.queue, ticket)
  end
  place = place or redis.call('INCR', counter)
  for _, claim in ipairs(asked) do
    if not is_quota(claim) then
      redis.call('ZADD', claim.queue, place, ticket)
      redis.call('EXPIRE', claim.queue, DAY)
    end
  end
  redis.call('ZADD', alive, now + delay + patience, ticket)
  redis.call('EXPIRE', alive, DAY)
end

local function take(claim)
  if claim.kind == 'rate' then
    local units, blocked = level(claim)
    set_level(claim, units - claim.amount, blocked)
  elseif claim.kind == 'concurrency' then
    redis.call('ZADD', claim.data, now + lease, slot(claim, claim.amount))
    redis.call('EXPIRE', claim.data, math.ceil(lease) + 60)
  else
    add_to_quota(claim, claim.amount)
  end
  redis.call('HSET', grant, claim.name, text(claim.amount))
end

local asked = {}
for _, claim in ipairs(claims) do
  if redis.call('HEXISTS', grant, claim.name) == 0 then
    asked[#asked + 1] = claim
  end
end

local denial = find_exhausted_quota(asked)
if denial then
  leave()
else
  denial = find_shortage(asked)
  if denial then
    join(asked, denial.delay)
  end
end
if denial then
  return { denial.claim.number, text(denial.delay), text(denial.left) }
end
leave()
for _, claim in ipairs(asked) do
  take(claim)
end
redis.call('EXPIRE', grant, math.ceil(math.max(lease, DAY)))
return {}
