-- KEYS: batch, hits, misses, saved. ARGV: milliseconds for which the batch is remembered; then of each namespace its
-- name, hits, misses, and saved. A batch that is sent again, since the first answer was lost, is not added again.

if redis.call('SET', KEYS[1], '', 'NX', 'PX', ARGV[1]) then
  for first = 2, #ARGV, 4 do
    for field = 1, 3 do
      redis.call('HINCRBY', KEYS[field + 1], ARGV[first], ARGV[first + field])
    end
  end
end
