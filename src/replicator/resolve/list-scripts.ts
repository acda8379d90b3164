// The scripts that change a list elsewhere than at its ends. Only their effects reach the replication
// stream. A time to live outlasts the moment in which a list is empty.

import { EVEN_WHEN_FULL } from './script-flags.ts';

/** KEYS[1]; ARGV: the end from which the changed part is nearer (head, tail), how many elements lie
 * between that end and it, how many elements it has, then pairs: keep n, drop n, add value, set value. */
export const LIST_SPLICE_SCRIPT = `${EVEN_WHEN_FULL}local key, side = KEYS[1], ARGV[1]
local aside, shown = tonumber(ARGV[2]), tonumber(ARGV[3])
local ttl = redis.call('PEXPIRETIME', key)
local taken = {}
if aside + shown > 0 then
  taken = redis.call(side == 'tail' and 'RPOP' or 'LPOP', key, aside + shown) or {}
end
if side == 'tail' then
  for i = 1, math.floor(#taken / 2) do taken[i], taken[#taken + 1 - i] = taken[#taken + 1 - i], taken[i] end
end
local back, at = {}, 1
local function keep(n)
  for _ = 1, n do
    if taken[at] then back[#back + 1] = taken[at] end
    at = at + 1
  end
end
if side == 'head' then keep(aside) end
for i = 4, #ARGV, 2 do
  local step, value = ARGV[i], ARGV[i + 1]
  if step == 'keep' then keep(tonumber(value))
  elseif step == 'drop' then at = at + tonumber(value)
  else
    back[#back + 1] = value
    if step == 'set' then at = at + 1 end
  end
end
if side == 'tail' then keep(aside) end
for i = 1, #back, 1000 do
  if side == 'tail' then
    redis.call('RPUSH', key, unpack(back, i, math.min(i + 999, #back)))
  else
    local part = {}
    for j = #back - i + 1, math.max(#back - i - 998, 1), -1 do part[#part + 1] = back[j] end
    redis.call('LPUSH', key, unpack(part))
  end
end
if ttl > 0 then redis.call('PEXPIREAT', key, ttl) end
return #back`;

/** KEYS[1]; ARGV: triples, carried out one after the other: drop place -, add place value (so that it
 * stands there), set place value. */
export const LIST_EDIT_SCRIPT = `${EVEN_WHEN_FULL}local key = KEYS[1]
local ttl = redis.call('PEXPIRETIME', key)
local mark = 'atoll:' .. redis.sha1hex(key .. tostring(#ARGV))
for i = 1, #ARGV, 3 do
  local step, at, value = ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2]
  local length = redis.call('LLEN', key)
  if step == 'set' then
    if at < length then redis.call('LSET', key, at, value) end
  elseif step == 'drop' then
    if at < length then
      redis.call('LSET', key, at, mark)
      redis.call('LREM', key, at * 2 < length and 1 or -1, mark)
    end
  elseif at >= length then
    redis.call('RPUSH', key, value)
  elseif at == 0 then
    redis.call('LPUSH', key, value)
  else
    local there = redis.call('LINDEX', key, at)
    redis.call('LSET', key, at, mark)
    redis.call('LINSERT', key, 'BEFORE', mark, value)
    redis.call('LSET', key, at + 1, there)
  end
end
if ttl > 0 then redis.call('PEXPIREAT', key, ttl) end
return 1`;
