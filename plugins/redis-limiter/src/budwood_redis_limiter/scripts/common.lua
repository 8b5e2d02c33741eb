-- Before each script: the time of the server, and the claims in KEYS and ARGV.
-- KEYS: grant, alive, counter, places, queue, then two for each claim: its data, and the queues of its limit.
-- ARGV: ticket, then six for each claim: name, kind, limit, amount, period, resets_at (0 for never).

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local grant, alive, counter, places, queue = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local ticket = ARGV[1]
local FIXED_KEYS, KEYS_EACH, ARGUMENTS_EACH = 5, 2, 6
local DAY = 86400
local claims = {}
local first_argument = 2

for number = 1, (#KEYS - FIXED_KEYS) / KEYS_EACH do
  local key = FIXED_KEYS + (number - 1) * KEYS_EACH
  local argument = first_argument + (number - 1) * ARGUMENTS_EACH
  claims[number] = {
    number = number,
    data = KEYS[key + 1],
    queues = KEYS[key + 2],
    name = ARGV[argument],
    kind = ARGV[argument + 1],
    limit = tonumber(ARGV[argument + 2]),
    amount = tonumber(ARGV[argument + 3]),
    period = tonumber(ARGV[argument + 4]),
    resets_at = tonumber(ARGV[argument + 5]),
  }
end

local options = {}
for number = first_argument + #claims * ARGUMENTS_EACH, #ARGV do
  options[#options + 1] = ARGV[number]
end

local function text(number)
  return string.format('%.17g', number) -- without it, Redis would drop the fraction
end

local function capacity(claim)
  return math.max(claim.limit / claim.period, 1)
end

-- Returns the level of a rate now, and until when it is blocked.
local function level(claim)
  local known = redis.call('HMGET', claim.data, 'level', 'moment', 'blocked')
  local units = tonumber(known[1] or capacity(claim))
  local passed = math.max(now - tonumber(known[2] or now), 0)
  return math.min(units + passed * claim.limit / claim.period, capacity(claim)), tonumber(known[3] or 0)
end

-- Stores the level of a rate until it is full again, when it need not be known.
local function set_level(claim, units, blocked)
  redis.call('HSET', claim.data, 'level', text(units), 'moment', text(now), 'blocked', text(blocked))
  local full = (capacity(claim) - units) * claim.period / claim.limit
  redis.call('EXPIRE', claim.data, math.ceil(math.max(full, blocked - now, 0)) + 60)
end

-- Adds units to a quota; negative units are given back.
local function add_to_quota(claim, units)
  local used = tonumber(redis.call('GET', claim.data) or 0) + units
  redis.call('SET', claim.data, text(math.max(used, 0)), 'KEEPTTL')
  if claim.resets_at > 0 then
    redis.call('EXPIREAT', claim.data, math.ceil(claim.resets_at) + DAY)
  elseif claim.kind == 'own quota' then
    redis.call('EXPIRE', claim.data, 30 * DAY) -- nothing else removes it when its process has ended
  end
end

local function slot(claim, amount)
  return text(amount) .. ' ' .. ticket
end

local function remove(waiting, from)
  redis.call('ZREM', from, waiting)
  redis.call('ZREM', alive, waiting)
  redis.call('HDEL', places, waiting)
end

local function leave()
  remove(ticket, queue)
end
