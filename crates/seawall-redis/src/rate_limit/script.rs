/// Takes key, units' distance in µs, burst, cost, units wanted; gives units taken (-1 if refused), remaining, µs until it is
/// worth asking, µs until whole. Of what is there beyond the cost it gives no more than half: others ask too.
pub(super) const SCRIPT: &str = r"
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local cost, wanted = tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local arrival = tonumber(redis.call('GET', KEYS[1]) or now)
if arrival < now then arrival = now end
local wait = arrival + interval * cost - interval * burst - now
local left = math.floor((interval * burst - (arrival - now)) / interval)
if wait > 0 then
  return {-1, left, math.ceil(wait), math.ceil(arrival - now)}
end
local taken = cost + math.max(0, math.min(wanted - cost, math.floor((left - cost) / 2)))
local after = arrival + interval * taken
if after > now then
  redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000))
end
return {taken, left - taken, 0, math.ceil(after - now)}
";
