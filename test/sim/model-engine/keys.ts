// Commands on keys of any type: removal, expiry, renaming, copies, DUMP and RESTORE.

import { at, type CommandTable } from './command-table.ts';
import { expiry, type TimeUnit } from './expiry-options.ts';
import { type Keyspace, NEVER } from './keyspace.ts';
import { parseInt64 } from './numbers.ts';
import {
  array,
  bulk,
  bulks,
  integer,
  type ModelReply,
  NO_SUCH_KEY,
  NULL,
  OK,
  ONE,
  Refusal,
  SYNTAX_ERROR,
  ZERO,
} from './reply.ts';
import { copyValue, decodeDump, encodeDump } from './value.ts';

function remove(space: Keyspace, args: readonly string[]): ModelReply {
  let removed = 0;
  for (let i = 1; i < args.length; i++) {
    const key = at(args, i);
    space.find(key);
    if (!space.remove(key)) continue;
    space.changed(key);
    removed++;
  }
  return integer(removed);
}

function exists(space: Keyspace, args: readonly string[]): ModelReply {
  let found = 0;
  for (let i = 1; i < args.length; i++) if (space.find(at(args, i)) !== undefined) found++;
  return integer(found);
}

type ExpiryFlags = { nx: boolean; xx: boolean; gt: boolean; lt: boolean };

function parseFlags(args: readonly string[]): ExpiryFlags {
  const flags = { nx: false, xx: false, gt: false, lt: false };
  for (let i = 3; i < args.length; i++) {
    const word = at(args, i).toLowerCase();
    if (word !== 'nx' && word !== 'xx' && word !== 'gt' && word !== 'lt') {
      throw new Refusal(`ERR Unsupported option ${at(args, i)}`);
    }
    flags[word] = true;
  }
  if (flags.nx && (flags.xx || flags.gt || flags.lt)) {
    throw new Refusal('ERR NX and XX, GT or LT options at the same time are not compatible');
  }
  if (flags.gt && flags.lt) {
    throw new Refusal('ERR GT and LT options at the same time are not compatible');
  }
  return flags;
}

function expire(space: Keyspace, args: readonly string[], unit: TimeUnit): ModelReply {
  const flags = parseFlags(args);
  const key = at(args, 1);
  const atMs = expiry(at(args, 2), unit, space.nowMs, at(args, 0));
  if (space.find(key) === undefined) return ZERO;
  if (!allowed(flags, space.expiryOf(key), atMs)) return ZERO;
  if (atMs <= space.nowMs) {
    space.remove(key);
    space.rewritten = ['DEL', key];
  } else {
    space.setExpiry(key, atMs);
    if (unit !== 'PXAT') {
      space.rewritten = ['PEXPIREAT', key, String(atMs), ...args.slice(3)];
    }
  }
  space.changed(key);
  return ONE;
}

function allowed(flags: ExpiryFlags, currentMs: number, atMs: number): boolean {
  if (flags.nx && currentMs !== NEVER) return false;
  if (flags.xx && currentMs === NEVER) return false;
  if (flags.gt && (currentMs === NEVER || atMs <= currentMs)) return false;
  return !(flags.lt && currentMs !== NEVER && atMs >= currentMs);
}

function persist(space: Keyspace, args: readonly string[]): ModelReply {
  const key = at(args, 1);
  if (space.find(key) === undefined || !space.persist(key)) return ZERO;
  space.changed(key);
  return ONE;
}

function timeLeft(space: Keyspace, args: readonly string[], inSeconds: boolean): ModelReply {
  const key = at(args, 1);
  if (space.find(key) === undefined) return integer(-2);
  const atMs = space.expiryOf(key);
  if (atMs === NEVER) return integer(-1);
  const leftMs = Math.max(0, atMs - space.nowMs);
  return integer(inSeconds ? Math.floor((leftMs + 500) / 1000) : leftMs);
}

function expireTime(space: Keyspace, args: readonly string[], inSeconds: boolean): ModelReply {
  const key = at(args, 1);
  if (space.find(key) === undefined) return integer(-2);
  const atMs = space.expiryOf(key);
  if (atMs === NEVER) return integer(-1);
  return integer(inSeconds ? Math.floor((atMs + 500) / 1000) : atMs);
}

/** Renames; false if the target exists and must not. */
function moveKey(space: Keyspace, source: string, target: string, mayReplace: boolean): boolean {
  const value = space.find(source);
  if (value === undefined) throw NO_SUCH_KEY;
  if (source === target) return false;
  const atMs = space.expiryOf(source);
  if (space.find(target) !== undefined) {
    if (!mayReplace) return false;
    space.remove(target);
  }
  space.put(target, value);
  space.setExpiry(target, atMs);
  space.remove(source);
  space.touch(source);
  space.changed(target);
  return true;
}

function copy(space: Keyspace, args: readonly string[]): ModelReply {
  const [, source = '', target = ''] = args;
  let replace = false;
  for (let i = 3; i < args.length; i++) {
    const word = at(args, i).toUpperCase();
    if (word === 'REPLACE') replace = true;
    else if (word === 'DB' && args[i + 1] === '0') i++;
    else throw SYNTAX_ERROR;
  }
  if (source === target) throw new Refusal('ERR source and destination objects are the same');
  const value = space.find(source);
  if (value === undefined) return ZERO;
  const atMs = space.expiryOf(source);
  if (space.find(target) !== undefined) {
    if (!replace) return ZERO;
    space.remove(target);
  }
  space.put(target, copyValue(value));
  space.setExpiry(target, atMs);
  space.changed(target);
  return ONE;
}

function dump(space: Keyspace, args: readonly string[]): ModelReply {
  const value = space.find(at(args, 1));
  return value === undefined ? NULL : bulk(encodeDump(value));
}

function parseRestoreOptions(args: readonly string[]): { replace: boolean; absolute: boolean } {
  const options = { replace: false, absolute: false };
  for (let i = 4; i < args.length; i++) {
    const word = at(args, i).toUpperCase();
    if (word === 'REPLACE') options.replace = true;
    else if (word === 'ABSTTL') options.absolute = true;
    else throw SYNTAX_ERROR;
  }
  return options;
}

function restore(space: Keyspace, args: readonly string[]): ModelReply {
  const [, key = '', ttlText = '', payload = ''] = args;
  const { replace, absolute } = parseRestoreOptions(args);
  if (!replace && space.find(key) !== undefined) {
    throw new Refusal('BUSYKEY Target key name already exists.');
  }
  const ttl = parseInt64(ttlText);
  if (ttl === undefined) throw new Refusal('ERR value is not an integer or out of range');
  if (ttl < 0) throw new Refusal('ERR Invalid TTL value, must be >= 0');
  const value = decodeDump(payload);
  if (value === undefined) {
    throw new Refusal('ERR DUMP payload version or checksum are wrong');
  }
  const removed = replace && space.remove(key);
  const atMs = Number(ttl) + (absolute || ttl === 0 ? 0 : space.nowMs);
  if (atMs !== 0 && atMs <= space.nowMs) {
    if (removed) {
      space.rewritten = ['DEL', key];
      space.changed(key);
    }
    return OK;
  }
  space.put(key, value);
  if (atMs !== 0) {
    space.setExpiry(key, atMs);
    if (!absolute) {
      space.rewritten = [at(args, 0), key, String(atMs), ...args.slice(3), 'ABSTTL'];
    }
  }
  space.changed(key);
  return OK;
}

function allKeys(space: Keyspace): string[] {
  return [...space.keys()].filter((key) => space.find(key) !== undefined);
}

/** SCAN 0 gives everything at once; MATCH and the like are not modelled. */
function scan(space: Keyspace, args: readonly string[]): ModelReply {
  if (at(args, 1) !== '0') return array([bulk('0'), bulks([])]);
  return array([bulk('0'), bulks(allKeys(space))]);
}

export const KEY_COMMANDS: CommandTable = {
  DEL: [-2, remove],
  UNLINK: [-2, remove],
  EXISTS: [-2, exists],
  TYPE: [2, (space, args) => ({ kind: 'simple', text: space.find(at(args, 1))?.type ?? 'none' })],
  EXPIRE: [-3, (space, args) => expire(space, args, 'EX')],
  PEXPIRE: [-3, (space, args) => expire(space, args, 'PX')],
  EXPIREAT: [-3, (space, args) => expire(space, args, 'EXAT')],
  PEXPIREAT: [-3, (space, args) => expire(space, args, 'PXAT')],
  PERSIST: [2, persist],
  TTL: [2, (space, args) => timeLeft(space, args, true)],
  PTTL: [2, (space, args) => timeLeft(space, args, false)],
  EXPIRETIME: [2, (space, args) => expireTime(space, args, true)],
  PEXPIRETIME: [2, (space, args) => expireTime(space, args, false)],
  RENAME: [
    3,
    (space, args) => {
      moveKey(space, at(args, 1), at(args, 2), true);
      return OK;
    },
  ],
  RENAMENX: [3, (space, args) => (moveKey(space, at(args, 1), at(args, 2), false) ? ONE : ZERO)],
  COPY: [-3, copy],
  DUMP: [2, dump],
  RESTORE: [-4, restore],
  SCAN: [-2, scan],
  DBSIZE: [1, (space) => integer(space.size)],
};
