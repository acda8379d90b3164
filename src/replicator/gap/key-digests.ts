// Digests of what an engine holds at its keys: the same for equal values, however an engine encodes them, with their
// expiries, those of fields where the engine has them. Of a stream they say its entries and the names of its groups, of
// values of other modules what DUMP gives.
//
// An engine computes them itself, in read-only scripts for some keys at a time.

import { crc32 } from 'node:zlib';
import type { Redis } from 'ioredis';
import { assert } from '../../base/assert.ts';

export const BUCKETS = 4096;
const SCAN_COUNT = 200;
/** Of a digest of a key, what goes into that of its bucket: no more than a number holds exactly. */
const BUCKET_DIGITS = 12;

const DIGEST_SCRIPT = `#!lua flags=no-writes,allow-cross-slot-keys
local function joined(parts, into)
  for _, part in ipairs(parts) do
    if type(part) == 'table' then
      into[#into + 1] = '['
      joined(part, into)
      into[#into + 1] = ']'
    else
      into[#into + 1] = #part .. ':' .. part
    end
  end
  return into
end
local knowsFieldExpiries = true
local function expiryOf(key, field)
  if not knowsFieldExpiries then return '' end
  local reply = redis.pcall('HPEXPIRETIME', key, 'FIELDS', 1, field)
  knowsFieldExpiries = not reply.err
  return knowsFieldExpiries and reply[1] > 0 and ' ' .. reply[1] or ''
end
local READERS = {
  string = function(key) return {redis.call('GET', key)} end,
  list = function(key) return redis.call('LRANGE', key, 0, -1) end,
  zset = function(key) return redis.call('ZRANGE', key, 0, -1, 'WITHSCORES') end,
  stream = function(key)
    local groups = {}
    for i, reply in ipairs(redis.call('XINFO', 'GROUPS', key)) do groups[i] = reply[2] end
    table.sort(groups)
    return {groups, redis.call('XRANGE', key, '-', '+')}
  end,
  ['ReJSON-RL'] = function(key) return {redis.call('JSON.GET', key)} end,
  set = function(key)
    local members = redis.call('SMEMBERS', key)
    table.sort(members)
    return members
  end,
  hash = function(key)
    local pairsOf = redis.call('HGETALL', key)
    local fields = {}
    for i = 1, #pairsOf, 2 do
      local lengths = #pairsOf[i] .. ':' .. #pairsOf[i + 1] .. ':'
      fields[#fields + 1] = lengths .. pairsOf[i] .. pairsOf[i + 1] .. expiryOf(key, pairsOf[i])
    end
    table.sort(fields)
    return fields
  end,
}
local digests = {}
for i, key in ipairs(KEYS) do
  local kind = redis.call('TYPE', key)['ok']
  if kind == 'none' then
    digests[i] = ''
  else
    local read = READERS[kind] or function(name) return {redis.call('DUMP', name)} end
    local text = table.concat(joined(read(key), {}))
    digests[i] = redis.sha1hex(kind .. ' ' .. redis.call('PEXPIRETIME', key) .. ' ' .. text)
  end
end
return digests`;

/** A key (latin1) and its digest; '' stands for none. */
export type KeyDigest = readonly [key: string, digest: string];

export function bucketOf(key: string): number {
  return crc32(Buffer.from(key, 'latin1')) % BUCKETS;
}

/** The digests of these keys, in their order. */
export async function digestsOf(client: Redis, keys: readonly string[]): Promise<string[]> {
  if (keys.length === 0) return [];
  const names = keys.map((key) => Buffer.from(key, 'latin1'));
  const answer = await client.callBuffer('EVAL', DIGEST_SCRIPT, keys.length, ...names);
  assert(Array.isArray(answer), 'the script answers a list');
  return answer.map((digest) => String(digest));
}

/** All keys of the engine in pages, without such as are removed meanwhile; some may come twice. */
export async function* keyPages(client: Redis): AsyncIterable<KeyDigest[]> {
  let cursor = '0';
  do {
    const answer = await client.scanBuffer(cursor, 'COUNT', SCAN_COUNT);
    cursor = String(answer[0]);
    const keys = answer[1].map((key) => key.toString('latin1'));
    const digests = await digestsOf(client, keys);
    yield keys.flatMap((key, i): KeyDigest[] => {
      const digest = digests[i] ?? '';
      return digest === '' ? [] : [[key, digest]];
    });
  } while (cursor !== '0');
}

/** A digest for each bucket of keys. One whose scan told a key twice differs for nothing, and is looked into. */
export async function bucketDigests(client: Redis): Promise<number[]> {
  const digests = new Array<bigint>(BUCKETS).fill(0n);
  for await (const page of keyPages(client)) {
    for (const [key, digest] of page) {
      const bucket = bucketOf(key);
      digests[bucket] = (digests[bucket] ?? 0n) ^ BigInt(`0x${digest.slice(0, BUCKET_DIGITS)}`);
    }
  }
  return digests.map(Number);
}
