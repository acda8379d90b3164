// The scripts that the replicator runs in its engine. Short ones, for what no single command does in
// one atomic step; the everyday path never uses them. Only effects reach the replication stream.

import { EVEN_WHEN_FULL } from './script-flags.ts';

/** KEYS[1]; ARGV[1] = 1 to keep the time to live; then commands as <argc> <args...>.
 * Replaces the key's value by what the commands build. */
export const REBUILD_SCRIPT = `${EVEN_WHEN_FULL}local ttl = -1
if ARGV[1] == '1' then ttl = redis.call('PEXPIRETIME', KEYS[1]) end
redis.call('UNLINK', KEYS[1])
local i = 2
while ARGV[i] do
  local n = tonumber(ARGV[i])
  redis.call(unpack(ARGV, i + 1, i + n))
  i = i + n + 1
end
if ttl > 0 then redis.call('PEXPIREAT', KEYS[1], ttl) end
return 1`;

/** KEYS[1] a sorted set; ARGV = members to keep. Removes all others. */
export const RETAIN_SCRIPT = `local keep = {}
for i = 1, #ARGV do keep[ARGV[i]] = true end
local gone = {}
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if not keep[member] then gone[#gone + 1] = member end
end
for i = 1, #gone, 1000 do
  redis.call('ZREM', KEYS[1], unpack(gone, i, math.min(i + 999, #gone)))
end
return #gone`;

/** KEYS[1]. Removes the key if it is no string. */
export const REMOVE_COLLECTION_SCRIPT = `local t = redis.call('TYPE', KEYS[1]).ok
if t == 'string' or t == 'none' then return 0 end
return redis.call('UNLINK', KEYS[1])`;

/** KEYS[1]. Removes the key if it is a HyperLogLog. */
export const REMOVE_HYPERLOGLOG_SCRIPT = `if redis.call('TYPE', KEYS[1]).ok ~= 'string' then return 0 end
if redis.call('GETRANGE', KEYS[1], 0, 3) ~= 'HYLL' then return 0 end
return redis.call('UNLINK', KEYS[1])`;

/** KEYS[1]; ARGV[1] = 1 where fields of a hash can have expiries. Answers {type}, or {type, expiry ms or -1,
 * content}: what a client could read of the key. Of a hash {..., content, {field, expiry ms, ...}}; of a stream
 * {..., entries, last ID, {group, ID up to which it is done with everything, ...}}. */
export const READ_SCRIPT = `local t = redis.call('TYPE', KEYS[1]).ok
if t == 'none' then return {t} end
local e = tostring(redis.call('PEXPIRETIME', KEYS[1]))
if t == 'string' then return {t, e, redis.call('GET', KEYS[1])} end
if t == 'hash' then
  local h, x = redis.call('HGETALL', KEYS[1]), {}
  for i = 1, ARGV[1] == '1' and #h or 0, 2 do
    local ms = redis.call('HPEXPIRETIME', KEYS[1], 'FIELDS', 1, h[i])[1]
    if ms > 0 then x[#x + 1] = h[i]; x[#x + 1] = tostring(ms) end
  end
  return {t, e, h, x}
end
if t == 'set' then return {t, e, redis.call('SMEMBERS', KEYS[1])} end
if t == 'zset' then return {t, e, redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')} end
if t == 'list' then return {t, e, redis.call('LRANGE', KEYS[1], 0, -1)} end
if t == 'stream' then
  local info, last, groups = redis.call('XINFO', 'STREAM', KEYS[1]), nil, {}
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then last = info[i + 1] end
  end
  for _, reply in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
    local group = {}
    for i = 1, #reply, 2 do group[reply[i]] = reply[i + 1] end
    local from = group['last-delivered-id']
    local first = redis.call('XPENDING', KEYS[1], group.name, '-', '+', 1)[1]
    if first then
      local before = redis.call('XREVRANGE', KEYS[1], '(' .. first[1], '-', 'COUNT', 1)[1]
      from = before and before[1] or '0-0'
    end
    groups[#groups + 1] = group.name
    groups[#groups + 1] = from
  end
  return {t, e, redis.call('XRANGE', KEYS[1], '-', '+'), last, groups}
end
if t == 'ReJSON-RL' then return {t, e, redis.call('JSON.GET', KEYS[1], '.')} end
return {t, e, redis.call('DUMP', KEYS[1])}`;

/** KEYS[1]; ARGV = paths of a JSON document. Answers for each what JSON.GET does, or false. */
export const READ_JSON_SCRIPT = `local values = {}
for i = 1, #ARGV do
  local value = redis.pcall('JSON.GET', KEYS[1], ARGV[i])
  values[i] = type(value) == 'string' and value or false
end
return values`;

/** KEYS[1]; ARGV[1]: how many values are wanted at most. Answers {length, values}, the values only when all
 * of them are; nothing for what is no list. */
export const READ_LIST_SCRIPT = `local t = redis.call('TYPE', KEYS[1]).ok
if t == 'none' then return {0, {}} end
if t ~= 'list' then return {} end
local n = redis.call('LLEN', KEYS[1])
if n > tonumber(ARGV[1]) then return {n, {}} end
return {n, redis.call('LRANGE', KEYS[1], 0, -1)}`;

/** KEYS[1] a hash; ARGV = fields. Answers {value or false, expiry ms or -1, ...}; nothing for another type. */
export const READ_FIELD_EXPIRIES_SCRIPT = `local t = redis.call('TYPE', KEYS[1]).ok
if t ~= 'hash' and t ~= 'none' then return {} end
local r = {}
for i = 1, #ARGV do
  local value = redis.call('HGET', KEYS[1], ARGV[i])
  r[2 * i - 1] = value
  r[2 * i] = tostring(value and redis.call('HPEXPIRETIME', KEYS[1], 'FIELDS', 1, ARGV[i])[1] or -1)
end
return r`;

/** KEYS[1]; ARGV = members of a sorted set, or none for a string.
 * Answers {type, value or false ...}. */
export const READ_CELLS_SCRIPT = `local t = redis.call('TYPE', KEYS[1]).ok
if t == 'string' and #ARGV == 0 then return {t, redis.call('GET', KEYS[1])} end
if t ~= 'zset' then return {t} end
local r = {t}
for i = 1, #ARGV do r[i + 1] = redis.call('ZSCORE', KEYS[1], ARGV[i]) end
return r`;

/** KEYS[1]; ARGV = fields of a hash. Answers their values; nothing for what is no hash. */
export const READ_FIELDS_SCRIPT = `if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then return {} end
return redis.call('HMGET', KEYS[1], unpack(ARGV))`;
