-- KEYS: lease. ARGV: owner, milliseconds. The value of a lease is its owner, or empty after a release without a value.

local holder = redis.call('GET', KEYS[1])
if holder == '' then
  return 'not kept'
elseif holder and holder ~= ARGV[1] then
  return 'held'
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 'acquired'
