-- KEYS: lease. ARGV: owner, and milliseconds for which others learn that no value was stored; 0 if one was.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return
elseif ARGV[2] == '0' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], '', 'PX', ARGV[2])
end
