// The scripts that change a stream where no command can. Only their effects reach the replication stream.

import { EVEN_WHEN_FULL } from './script-flags.ts';

/** Consumer that entries are given to which came too late for their group to deliver them. */
export const LATE_CONSUMER = 'atoll-late';

/** A group that is there for a moment, to make a stream without entries. */
export const MAKER_GROUP = 'atoll';

/** A stream is packed from so many entries further up at most. */
const PACKED_MAX = 5000;

/** IDs are compared as texts: their numbers are too large for Lua. */
const ID_ORDER = `local function parts(id) return string.match(id, '^(%d+)-(%d+)$') end
local function smaller(a, b)
  if #a ~= #b then return #a < #b end
  return a < b
end
local function less(a, b)
  local am, as = parts(a)
  local bm, bs = parts(b)
  if am ~= bm then return smaller(am, bm) end
  return smaller(as, bs)
end
local function named(reply)
  local t = {}
  for i = 1, #reply, 2 do t[reply[i]] = reply[i + 1] end
  return t
end
local function inParts(head, tail)
  for i = 1, #tail, 1000 do
    local command = {}
    for j = 1, #head do command[j] = head[j] end
    for j = i, math.min(i + 999, #tail) do command[#command + 1] = tail[j] end
    redis.call(unpack(command))
  end
end
local function late(group, id)
  redis.call('XCLAIM', KEYS[1], group, '${LATE_CONSUMER}', 0, id, 'FORCE', 'JUSTID')
end
`;

/**
 * KEYS[1] a stream, or nothing. ARGV, each part with its count first:
 *   groups to destroy; trims, each an ID, and IDs below it that stay; IDs to delete;
 *   entries in order, each its ID, the ID that it had ('': it is new), and its fields; of one that moves none are
 *   given, and one that had the same ID is only written if it is not there as it should be;
 *   the ID from which on the stream is to be packed ('': not now);
 *   1 if the stream must be there;
 *   the last ID ('' for none), and 1 if it is exactly this, 0 if it is this at least;
 *   groups to create, each an ID and the IDs up to that which must be delivered all the same.
 *
 * XTRIM stops at what is left of entries that were taken off: the rest is deleted one by one.
 *
 * Where an entry stands in the place of a new one that no op tells of, as it was missed, it moves to the end.
 *
 * An entry can only be added at the end. So whatever stands behind the first new one is taken off and put back,
 * which leaves what is pending as it is. An entry that a group would not deliver any more becomes pending.
 *
 * Engines since Redis 7.2 set no last ID below the greatest that was ever deleted. They forget that one for a
 * smaller one, but never for none: an ID as small as 0-1 needs a stream made anew, with its groups and all that
 * is pending in them (`renew`, `hold`), but for entries that are gone.
 */
export const STREAM_MERGE_SCRIPT = `${EVEN_WHEN_FULL}${ID_ORDER}local key, at = KEYS[1], 0
local function take() at = at + 1 return ARGV[at] end
local function takeMany()
  local t = {}
  for i = 1, tonumber(take()) do t[i] = take() end
  return t
end
local function isThere() return redis.call('EXISTS', key) == 1 end
local function about() return named(redis.call('XINFO', 'STREAM', key)) end
local moves, held = {}, {}
local function renew()
  local expiry = redis.call('PEXPIRETIME', key)
  local groups = redis.call('XINFO', 'GROUPS', key)
  for i, reply in ipairs(groups) do
    local group = named(reply)
    group.consumers = redis.call('XINFO', 'CONSUMERS', key, group.name)
    group.held = redis.call('XPENDING', key, group.name, '-', '+', math.max(1, group.pending))
    groups[i] = group
  end
  redis.call('UNLINK', key)
  redis.call('XGROUP', 'CREATE', key, '${MAKER_GROUP}', '0', 'MKSTREAM')
  for _, group in ipairs(groups) do
    local read = group['entries-read'] or -1
    local delivered = group['last-delivered-id']
    redis.call('XGROUP', 'CREATE', key, group.name, delivered, 'ENTRIESREAD', read)
    for _, reply in ipairs(group.consumers) do
      redis.call('XGROUP', 'CREATECONSUMER', key, group.name, named(reply).name)
    end
    for _, pending in ipairs(group.held) do
      local to = moves[pending[1]]
      if not to then table.insert(held, 1, {group.name, unpack(pending)})
      elseif not less(delivered, to) then held[#held + 1] = {group.name, to, unpack(pending, 2)} end
    end
  end
  redis.call('XGROUP', 'DESTROY', key, '${MAKER_GROUP}')
  if expiry > 0 then redis.call('PEXPIREAT', key, expiry) end
end
local function setLast(id)
  local info = about()
  if not less(id, info['max-deleted-entry-id']) then redis.call('XSETID', key, id)
  elseif id == '0-0' then renew()
  else
    local added = info['entries-added']
    redis.call('XSETID', key, info['last-generated-id'], 'ENTRIESADDED', added, 'MAXDELETEDID', id)
    redis.call('XSETID', key, id)
  end
end
local function hold()
  for _, one in ipairs(held) do
    local group, id, consumer, idle, count = unpack(one)
    local args = {'IDLE', idle, 'RETRYCOUNT', count, 'FORCE', 'JUSTID'}
    redis.call('XCLAIM', key, group, consumer, 0, id, unpack(args))
  end
end
local function join(t, n, ...)
  if n == 0 then return redis.call('XADD', key, ...) end
  if n < 8 then return join(t, n - 1, t[n], ...) end
  return join(t, n - 8, t[n-7], t[n-6], t[n-5], t[n-4], t[n-3], t[n-2], t[n-1], t[n], ...)
end
local function add(id, fields)
  if #fields < 7000 then redis.call('XADD', key, id, unpack(fields))
  else
    table.insert(fields, 1, id)
    join(fields, #fields)
  end
end
local function equal(a, b)
  if #a ~= #b then return false end
  for i = 1, #a do if a[i] ~= b[i] then return false end end
  return true
end
local there = isThere()
local destroyed, trims = takeMany(), {}
for i = 1, tonumber(take()) do trims[i] = {take(), takeMany()} end
local gone = takeMany()
if there then
  for _, group in ipairs(destroyed) do redis.call('XGROUP', 'DESTROY', key, group) end
  for _, trim in ipairs(trims) do
    local below, keep, from = trim[1], {}, '-'
    for _, id in ipairs(trim[2]) do keep[id] = true end
    if #trim[2] == 0 then redis.call('XTRIM', key, 'MINID', '=', below) end
    while from do
      local page, drop = redis.call('XRANGE', key, from, '(' .. below, 'COUNT', 1000), {}
      for _, entry in ipairs(page) do
        if not keep[entry[1]] then drop[#drop + 1] = entry[1] end
      end
      inParts({'XDEL', key}, drop)
      from = #page == 1000 and '(' .. page[1000][1]
    end
  end
  inParts({'XDEL', key}, gone)
end
local info = there and about()
local entries, moved, fresh = {}, {}, 0
for _ = 1, tonumber(take()) do
  local entry = {id = take(), from = take(), fields = takeMany()}
  local old = there and entry.from ~= '' and redis.call('XRANGE', key, entry.from, entry.from)[1]
  if old then
    moved[#moved + 1] = entry.from
    moves[entry.from] = entry.id
  end
  if entry.from == entry.id then
    if old and equal(old[2], entry.fields) then
      entry.fields = nil
      moved[#moved] = nil
    end
    entry.from = ''
  elseif entry.from ~= '' then
    entry.fields = old and old[2]
  end
  if entry.from == '' and not old then fresh = fresh + 1 end
  if entry.fields then entries[#entries + 1] = entry end
end
local pack = take()
if there then inParts({'XDEL', key}, moved) end
local top = there and info['last-generated-id']
if there and #entries > 0 and not less(top, entries[1].id) then
  local from = entries[1].id
  if pack ~= '' then
    local more = redis.call('XREVRANGE', key, '(' .. from, pack, 'COUNT', ${PACKED_MAX})
    if #more > 0 then from = more[#more][1] end
  end
  local tail, ids = redis.call('XRANGE', key, from, '+'), {}
  for i = 1, #tail do ids[i] = tail[i][1] end
  inParts({'XDEL', key}, ids)
  local rest = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1]
  local first = tail[1] and less(tail[1][1], entries[1].id) and tail[1][1] or entries[1].id
  setLast(rest and rest[1] or first == '0-1' and '0-0' or '0-1')
  local i, new, displaced = 1, top, {}
  for _, entry in ipairs(entries) do
    while tail[i] and less(tail[i][1], entry.id) do
      add(tail[i][1], tail[i][2])
      i = i + 1
    end
    if tail[i] and tail[i][1] == entry.id then
      if not equal(tail[i][2], entry.fields) then displaced[#displaced + 1] = tail[i][2] end
      i = i + 1
    end
    add(entry.id, entry.fields)
    if less(new, entry.id) then new = entry.id end
  end
  for j = i, #tail do add(tail[j][1], tail[j][2]) end
  local deleted = info['max-deleted-entry-id']
  if deleted == '0-0' then deleted = '0-1' elseif less(new, deleted) then deleted = new end
  redis.call('XSETID', key, new, 'ENTRIESADDED', info['entries-added'] + fresh, 'MAXDELETEDID', deleted)
  for _, fields in ipairs(displaced) do
    add(string.match(about()['last-generated-id'], '^%d+') .. '-*', fields)
  end
  hold()
  for _, reply in ipairs(redis.call('XINFO', 'GROUPS', key)) do
    local group = named(reply)
    local delivered = group['last-delivered-id']
    for _, entry in ipairs(entries) do
      if not less(delivered, entry.id) then
        local old = entry.from ~= '' and not less(delivered, entry.from)
        local pending = old and redis.call('XPENDING', key, group.name, entry.from, entry.from, 1)[1]
        if pending then redis.call('XCLAIM', key, group.name, pending[2], 0, entry.id, 'FORCE', 'JUSTID') end
        if not old then late(group.name, entry.id) end
      end
    end
  end
else
  for _, entry in ipairs(entries) do add(entry.id, entry.fields) end
end
local function make()
  if isThere() then return end
  redis.call('XGROUP', 'CREATE', key, '${MAKER_GROUP}', '0', 'MKSTREAM')
  redis.call('XGROUP', 'DESTROY', key, '${MAKER_GROUP}')
end
if take() == '1' then make() end
local id, isExact = take(), take() == '1'
if id ~= '' and (isExact or isThere()) then
  make()
  local now = about()['last-generated-id']
  if less(now, id) or (isExact and now ~= id) then setLast(id) end
end
for _ = 1, tonumber(take()) do
  local name, from, missed, known = take(), take(), takeMany(), false
  if isThere() then
    for _, reply in ipairs(redis.call('XINFO', 'GROUPS', key)) do
      if named(reply).name == name then known = true end
    end
  end
  if not known then
    redis.call('XGROUP', 'CREATE', key, name, from, 'MKSTREAM')
    for _, entry in ipairs(missed) do late(name, entry) end
  end
end
return 1`;

/**
 * KEYS[1] a stream, ARGV: a group, an ID, and the IDs up to that which are not done. Whatever else stands up to the
 * ID has been dealt with in another region.
 */
export const STREAM_DONE_SCRIPT = `${EVEN_WHEN_FULL}${ID_ORDER}local key, name, id = KEYS[1], ARGV[1], ARGV[2]
local delivered
if redis.call('EXISTS', key) == 0 then return 0 end
for _, reply in ipairs(redis.call('XINFO', 'GROUPS', key)) do
  local group = named(reply)
  if group.name == name then delivered = group['last-delivered-id'] end
end
if not delivered then return 0 end
local except = {}
for i = 3, #ARGV do except[ARGV[i]] = true end
local from = '-'
while from do
  local page, done = redis.call('XPENDING', key, name, from, id, 1000), {}
  for _, pending in ipairs(page) do
    if not except[pending[1]] then done[#done + 1] = pending[1] end
  end
  inParts({'XACK', key, name}, done)
  from = #page == 1000 and '(' .. page[1000][1]
end
if less(delivered, id) then
  for i = 3, #ARGV do
    if less(delivered, ARGV[i]) then late(name, ARGV[i]) end
  end
  redis.call('XGROUP', 'SETID', key, name, id)
end
return 1`;

/** KEYS[1] a stream; ARGV[1]: how many IDs are wanted; then IDs. Answers {length, last ID, the first IDs, which of the
 * given ones are there}, or nothing. */
export const READ_STREAM_HEAD_SCRIPT = `if redis.call('TYPE', KEYS[1]).ok ~= 'stream' then return {} end
local info, last = redis.call('XINFO', 'STREAM', KEYS[1]), nil
for i = 1, #info, 2 do
  if info[i] == 'last-generated-id' then last = info[i + 1] end
end
local ids = {}
for i, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', ARGV[1])) do ids[i] = entry[1] end
local there = {}
for i = 2, #ARGV do
  if redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i])[1] then there[#there + 1] = ARGV[i] end
end
return {redis.call('XLEN', KEYS[1]), last, ids, there}`;

/** KEYS[1] a stream, ARGV[1] a group. Answers {last delivered ID, the entry before the first that is pending},
 * the second empty if there is no such entry, missing if nothing is pending; nothing if there is no group. */
export const READ_GROUP_SCRIPT = `if redis.call('TYPE', KEYS[1]).ok ~= 'stream' then return {} end
for _, reply in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local group = {}
  for i = 1, #reply, 2 do group[reply[i]] = reply[i + 1] end
  if group.name == ARGV[1] then
    local first = redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1)[1]
    if not first then return {group['last-delivered-id']} end
    local entry = redis.call('XREVRANGE', KEYS[1], '(' .. first[1], '-', 'COUNT', 1)[1]
    return {group['last-delivered-id'], entry and entry[1] or ''}
  end
end
return {}`;
