/// Takes the operation and the list of those that run; owner, lease in ms, id. Gives `{'ours', progress}`,
/// `{'taken', owner, ms}` or `{'ended', progress}`.
pub(super) const CLAIM: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local there = redis.call('HMGET', KEYS[1], 'state', 'owner', 'until')
local state, owner, till = there[1], there[2], tonumber(there[3] or 0)
local function progress()
  return redis.call('HMGET', KEYS[1], 'state', 'owner', 'done', 'total', 'checkpoint', 'fence', 'updated')
end
if state == 'completed' or state == 'failed' then return {'ended', progress()} end
if owner and owner ~= ARGV[1] and till > now then return {'taken', owner, till - now} end
if not state then redis.call('HSET', KEYS[1], 'done', 0, 'total', 0, 'checkpoint', '', 'version', 0) end
redis.call('HINCRBY', KEYS[1], 'fence', 1)
till = string.format('%.0f', now + ARGV[2])
redis.call('HSET', KEYS[1], 'state', 'running', 'owner', ARGV[1], 'until', till, 'updated', string.format('%.0f', now), 'version', 0)
redis.call('PERSIST', KEYS[1])
redis.call('ZADD', KEYS[2], till, ARGV[3])
return {'ours', progress()}
";

/// Takes the same; fence, version, lease in ms, done, total, checkpoint, id. Gives 1, or 0 if the claim is somebody else's.
/// A version that was written already is not written again: its first answer may have been lost.
pub(super) const CHECKPOINT: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local there = redis.call('HMGET', KEYS[1], 'state', 'fence', 'version')
if there[1] ~= 'running' or there[2] ~= ARGV[1] then return 0 end
if tonumber(there[3]) >= tonumber(ARGV[2]) then return 1 end
local till = string.format('%.0f', now + ARGV[3])
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'until', till, 'updated', string.format('%.0f', now),
  'done', ARGV[4], 'total', ARGV[5], 'checkpoint', ARGV[6])
redis.call('ZADD', KEYS[2], till, ARGV[7])
return 1
";

/// Takes the same; fence, state, retention in ms, result, id. Gives 1, or 0 if the claim is somebody else's.
pub(super) const END: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local there = redis.call('HMGET', KEYS[1], 'state', 'fence')
if there[2] ~= ARGV[1] then return 0 end
if there[1] == ARGV[2] then return 1 end
if there[1] ~= 'running' then return 0 end
redis.call('HSET', KEYS[1], 'state', ARGV[2], 'updated', string.format('%.0f', now), 'checkpoint', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('ZREM', KEYS[2], ARGV[5])
return 1
";
