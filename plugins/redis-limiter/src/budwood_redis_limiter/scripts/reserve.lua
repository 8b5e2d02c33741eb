-- Takes all claims or none. Returns nothing, or the number of the claim that does not fit, the delay, and what is left.
-- Further ARGV: seconds that a slot is leased, seconds that a place is kept after its delay, and between two questions.

local lease, patience, poll = tonumber(options[1]), tonumber(options[2]), tonumber(options[3])
local MIN_DELAY, MAX_DELAY = 0.01, 1

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

local function active(claim)
  redis.call('ZREMRANGEBYSCORE', claim.data, '-inf', now)
  local sum = 0
  for _, member in ipairs(redis.call('ZRANGE', claim.data, 0, -1)) do
    sum = sum + tonumber(string.match(member, '^%S+'))
  end
  return sum
end

local function free(claim)
  return claim.limit - active(claim)
end

-- Returns the seconds until a claim fits, after units for others; infinite for concurrency, which ends at any time.
local function wait_for(claim, before)
  if claim.kind == 'concurrency' then
    return free(claim) < math.min(claim.amount, claim.limit) and math.huge or 0
  end
  local units, blocked = level(claim)
  local missing = math.min(claim.amount, capacity(claim)) + before - units
  return math.max(missing > 1e-9 and missing * claim.period / claim.limit or 0, blocked - now, 0)
end

-- Returns the first ticket of a queue, and its place. Tickets whose process no longer asks lose their places here.
local function first_of(other)
  while true do
    local first = redis.call('ZRANGE', other, 0, 0, 'WITHSCORES')
    if not first[1] or first[1] == ticket or tonumber(redis.call('ZSCORE', alive, first[1]) or 0) >= now then
      return first[1], tonumber(first[2])
    end
    remove(first[1], other)
  end
end

-- Whether the claims would delay a ticket that asked earlier, or might do so. A ticket that waits for a limit that they
-- do not share may be overtaken if what they take is refilled until then.
local function delays(asked, earlier)
  local shared, theirs, delay = {}, cmsgpack.unpack(redis.call('HGET', places, earlier)), 0
  for _, claim in ipairs(asked) do
    shared[claim.data] = claim
  end
  for _, claim in ipairs(theirs) do
    if not shared[claim.data] then
      delay = math.max(delay, wait_for(claim, 0))
    end
  end
  if delay == 0 then
    return true
  end
  for _, claim in ipairs(theirs) do
    local mine = shared[claim.data]
    if mine and (claim.kind == 'concurrency' or wait_for(claim, mine.amount) > delay) then
      return true
    end
  end
  return false
end

-- Returns the claim whose limit an earlier ticket waits for, if the claims would delay it.
local function find_blocked(asked)
  local place = tonumber(redis.call('ZSCORE', queue, ticket) or math.huge)
  local seen = {}
  for _, claim in ipairs(asked) do
    for _, other in ipairs(redis.call('SMEMBERS', claim.queues)) do
      if not seen[other] then
        seen[other] = true
        local first, number = first_of(other)
        if not first then
          redis.call('SREM', claim.queues, other)
        elseif number < place and delays(asked, first) then
          return claim
        end
      end
    end
  end
  return nil
end

-- Returns a denial. The delay of a ticket behind others assumes that those in its queue take as much as it does.
local function find_shortage(asked)
  local blocked = find_blocked(asked)
  local before = 0
  if blocked then
    before = math.max(redis.call('ZRANK', queue, ticket) or redis.call('ZCARD', queue), 1)
  end
  local worst
  for _, claim in ipairs(asked) do
    local delay = wait_for(claim, before * claim.amount)
    if delay == math.huge then
      delay = poll
    end
    if delay > 0 and (not worst or delay > worst.delay) then
      local left = claim.kind == 'concurrency' and free(claim) or level(claim)
      worst = { claim = claim, delay = math.max(delay, 0.001), left = math.max(left, 0) }
    end
  end
  if blocked then
    local delay = math.min(math.max(worst and worst.delay or 0, MIN_DELAY), MAX_DELAY) -- others may give up
    worst = { claim = blocked, delay = delay, left = 0 }
  end
  return worst
end

-- Keeps the place of a ticket, or adds it to the end of the queue for its limits.
local function join(asked, delay)
  redis.call('ZADD', queue, 'NX', redis.call('INCR', counter), ticket)
  redis.call('ZADD', alive, now + delay + patience, ticket)
  local known = {}
  for number, claim in ipairs(asked) do
    redis.call('SADD', claim.queues, queue)
    redis.call('EXPIRE', claim.queues, DAY)
    known[number] = {
      data = claim.data,
      kind = claim.kind,
      limit = claim.limit,
      amount = claim.amount,
      period = claim.period,
    }
  end
  redis.call('HSET', places, ticket, cmsgpack.pack(known))
  for _, key in ipairs({ queue, alive, places }) do
    redis.call('EXPIRE', key, DAY)
  end
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

local asked, queued = {}, {}
for _, claim in ipairs(claims) do
  if redis.call('HEXISTS', grant, claim.name) == 0 then
    asked[#asked + 1] = claim
    if not is_quota(claim) then
      queued[#queued + 1] = claim
    end
  end
end

local denial = find_exhausted_quota(asked)
if denial then
  leave()
else
  denial = find_shortage(queued)
  if denial then
    join(queued, denial.delay)
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
