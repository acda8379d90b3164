// Copies of values that some commands need to be understood: an ordered copy of a sorted set from which
// members were popped, the last value of a float counter. They follow the replication stream, local writes
// and applied ones alike, are bounded in bytes (least recently used go first), and may vanish at any
// time: then the next such command is read from the engine instead, correct, only dearer once.

import { addDecimals, isDecimal } from '../../model/decimal.ts';
import type { Command } from '../../resp/command.ts';
import { JsonNumbers } from './json-numbers.ts';
import { followList, type ListShadow } from './list-shadow.ts';
import { lexRange, rankRange, scoreOfText, scoreRange } from './ranges.ts';
import type { SortedMembers } from './sorted-members.ts';

/** All shadows together hold at most about this much. */
const SHADOW_BYTES_MAX = 64 * 1024 * 1024;
const FLOATS_MAX = 100_000;
const LISTS_MAX = 100_000;
const LISTS_BYTES_MAX = 64 * 1024 * 1024;
const HYPERLOGLOGS_MAX = 100_000;

export class Shadows {
  readonly #sets = new Map<string, SortedMembers>();
  readonly #floats = new Map<string, string>();
  readonly #lists = new Map<string, ListShadow>();
  readonly json = new JsonNumbers();
  /** Keys that hold a HyperLogLog, to tell it from other strings. */
  readonly #hyperLogLogs = new Set<string>();

  get isEmpty(): boolean {
    return (
      this.#sets.size === 0 &&
      this.#floats.size === 0 &&
      this.#lists.size === 0 &&
      this.#hyperLogLogs.size === 0 &&
      this.json.isEmpty
    );
  }

  /** Something is kept of this key. */
  follows(key: string): boolean {
    if (this.isEmpty) return false;
    return (
      this.#lists.has(key) ||
      this.#sets.has(key) ||
      this.#floats.has(key) ||
      this.#hyperLogLogs.has(key) ||
      this.json.follows(key)
    );
  }

  isHyperLogLog(key: string): boolean {
    return this.#hyperLogLogs.has(key);
  }

  keepHyperLogLog(key: string): void {
    this.#hyperLogLogs.delete(key);
    this.#hyperLogLogs.add(key);
    if (this.#hyperLogLogs.size <= HYPERLOGLOGS_MAX) return;
    for (const oldest of this.#hyperLogLogs) {
      this.#hyperLogLogs.delete(oldest);
      break;
    }
  }

  list(key: string): ListShadow | undefined {
    return this.#lists.get(key);
  }

  keepList(key: string, list: ListShadow): void {
    this.#lists.delete(key);
    this.#lists.set(key, list);
    if (this.#lists.size <= LISTS_MAX && this.#lists.size % 1000 !== 0) return;
    let bytes = 0;
    for (const { bytes: own } of this.#lists.values()) bytes += own;
    for (const [oldest, { bytes: own }] of this.#lists) {
      if (bytes <= LISTS_BYTES_MAX && this.#lists.size <= LISTS_MAX) break;
      this.#lists.delete(oldest);
      bytes -= own;
    }
  }

  sortedSet(key: string): SortedMembers | undefined {
    const set = this.#sets.get(key);
    if (set !== undefined) {
      // Map order is the order of use.
      this.#sets.delete(key);
      this.#sets.set(key, set);
    }
    return set;
  }

  keepSortedSet(key: string, members: SortedMembers): void {
    this.#sets.set(key, members);
    let bytes = 0;
    for (const set of this.#sets.values()) bytes += set.bytes;
    for (const [oldest, set] of this.#sets) {
      if (bytes <= SHADOW_BYTES_MAX) break;
      this.#sets.delete(oldest);
      bytes -= set.bytes;
    }
  }

  float(key: string): string | undefined {
    return this.#floats.get(key);
  }

  keepFloat(key: string, value: string): void {
    this.#floats.delete(key);
    this.#floats.set(key, value);
    if (this.#floats.size > FLOATS_MAX) {
      for (const oldest of this.#floats.keys()) {
        this.#floats.delete(oldest);
        break;
      }
    }
  }

  /** The first two keys of the command are no float counters: another type was written to them. */
  dropFloats(command: Command): void {
    if (this.#floats.size === 0) return;
    for (let i = 1; i <= 2 && i < command.argc; i++) this.#floats.delete(command.arg(i));
  }

  drop(key: string): void {
    this.#sets.delete(key);
    this.#lists.delete(key);
    this.#floats.delete(key);
    this.#hyperLogLogs.delete(key);
    this.json.drop(key);
  }

  clear(): void {
    this.json.clear();
    this.#sets.clear();
    this.#lists.clear();
    this.#floats.clear();
    this.#hyperLogLogs.clear();
  }

  /** Keeps the shadows true to a command that the engine has run. `name` is in upper case. */
  follow(name: string, command: Command): void {
    if (command.argc < 2) return;
    const key = command.arg(1);
    if (!this.json.isEmpty) this.json.follow(name, key, command);
    const float = this.#floats.get(key);
    if (float !== undefined) this.#followFloat(name, key, float, command);
    const set = this.#sets.get(key);
    if (set !== undefined && !followSortedSet(name, set, command)) this.#sets.delete(key);
    const list = this.#lists.get(key);
    if (list !== undefined && !followList(name, list, command)) this.#lists.delete(key);
    if (name === 'PFADD' || name === 'PFMERGE') this.keepHyperLogLog(key);
    else if (!READS_FIRST_KEY.has(name)) this.#hyperLogLogs.delete(key);
    if (SINGLE_KEY.has(name)) return;
    for (let i = 2; i < command.argc; i++) {
      const arg = command.arg(i);
      if (name === 'DEL' || name === 'UNLINK') this.#followRemoval(arg);
      else if (this.follows(arg) && !(READS_OTHER_KEYS.has(name) && this.isHyperLogLog(arg)))
        this.drop(arg);
    }
  }

  #followRemoval(key: string): void {
    this.#hyperLogLogs.delete(key);
    this.#sets.delete(key);
    if (this.#floats.has(key)) this.#floats.set(key, '0');
    const list = this.#lists.get(key);
    list?.trim(list.length, 0);
  }

  #followFloat(name: string, key: string, value: string, command: Command): void {
    let next: string | undefined;
    if (name === 'SET') next = command.arg(2);
    else if (name === 'INCR') next = addDecimals(value, '1');
    else if (name === 'DECR') next = addDecimals(value, '-1');
    else if (name === 'INCRBY') next = addDecimals(value, command.arg(2));
    else if (name === 'DECRBY') next = addDecimals(value, (-BigInt(command.arg(2))).toString());
    else if (NO_VALUE_CHANGE.has(name)) next = value;
    // A counter that is gone begins at 0 again.
    else if (name === 'DEL' || name === 'UNLINK') next = '0';
    if (next !== undefined && isDecimal(next)) this.#floats.set(key, next);
    else this.#floats.delete(key);
  }
}

const NO_VALUE_CHANGE = new Set(['PEXPIREAT', 'PERSIST']);

/** Commands that leave a HyperLogLog one where it is their first key. */
const READS_FIRST_KEY = new Set([...NO_VALUE_CHANGE, 'PFCOUNT', 'COPY', 'BITOP']);
/** And where it is another one; what COPY and BITOP write is read, and then known again. */
const READS_OTHER_KEYS = new Set(['PFMERGE', 'BITOP']);

/** Commands whose second argument is their only key. Others drop every shadow they might name. */
const SINGLE_KEY = new Set([
  'SET',
  'INCR',
  'DECR',
  'INCRBY',
  'DECRBY',
  'APPEND',
  'SETRANGE',
  'SETBIT',
  'BITFIELD',
  'PFADD',
  'PFCOUNT',
  'PEXPIREAT',
  'PERSIST',
  'ZADD',
  'ZINCRBY',
  'ZREM',
  'ZPOPMIN',
  'ZPOPMAX',
  'ZREMRANGEBYSCORE',
  'ZREMRANGEBYRANK',
  'ZREMRANGEBYLEX',
  'SADD',
  'SREM',
  'HSET',
  'HMSET',
  'HDEL',
  'HINCRBY',
  'RPUSH',
  'LPUSH',
  'RPUSHX',
  'LPUSHX',
  'LPOP',
  'RPOP',
  'LTRIM',
  'LSET',
  'LREM',
  'LINSERT',
]);

/** Applies a command to a shadow; false when the shadow can no longer be trusted. */
function followSortedSet(name: string, set: SortedMembers, command: Command): boolean {
  if (NO_VALUE_CHANGE.has(name)) return true;
  if (name === 'ZADD') return followAdd(set, command);
  if (name === 'ZINCRBY') {
    const member = command.arg(3);
    set.set(member, (set.score(member) ?? 0) + scoreOfText(command.arg(2)));
    return true;
  }
  if (name === 'ZREM') {
    for (let i = 2; i < command.argc; i++) set.delete(command.arg(i));
    return true;
  }
  const removed = removedMembers(name, set, command);
  if (removed === undefined) return false;
  for (const member of removed) set.delete(member);
  return true;
}

/** The members that a pop or a range remove takes out; undefined for any other command. */
export function removedMembers(
  name: string,
  set: SortedMembers,
  command: Command,
): string[] | undefined {
  switch (name) {
    case 'ZPOPMIN':
      return set.byRank(0, countOf(command) - 1);
    case 'ZPOPMAX':
      return set.byRank(Math.max(0, set.size - countOf(command)), set.size - 1);
    case 'ZREMRANGEBYRANK':
      return rankRange(set, command.arg(2), command.arg(3));
    case 'ZREMRANGEBYSCORE':
      return set.where(scoreRange(command.arg(2), command.arg(3)));
    case 'ZREMRANGEBYLEX':
      return set.where(lexRange(command.arg(2), command.arg(3)));
    default:
      return undefined;
  }
}

function countOf(command: Command): number {
  return command.argc > 2 ? Number(command.arg(2)) : 1;
}

/** ZADD as the engine does it, flags included. Returns the members whose score was set. */
export function addedMembers(set: SortedMembers, command: Command): [string, number][] {
  const { flags, first } = addFlags(command);
  const changed: [string, number][] = [];
  for (let i = first; i + 1 < command.argc; i += 2) {
    const member = command.arg(i + 1);
    const present = set.score(member);
    let score = scoreOfText(command.arg(i));
    if (flags.has('INCR')) score += present ?? 0;
    if (present === undefined ? flags.has('XX') : flags.has('NX')) continue;
    if (present !== undefined && flags.has('GT') && score <= present) continue;
    if (present !== undefined && flags.has('LT') && score >= present) continue;
    if (score === present) continue;
    set.set(member, score);
    changed.push([member, score]);
  }
  return changed;
}

function followAdd(set: SortedMembers, command: Command): boolean {
  addedMembers(set, command);
  return true;
}

const ADD_FLAGS = new Set(['NX', 'XX', 'GT', 'LT', 'CH', 'INCR']);

/** The flags of a ZADD, in upper case, and the index of its first score. */
export function addFlags(command: Command): { flags: Set<string>; first: number } {
  const flags = new Set<string>();
  let first = 2;
  for (; first < command.argc; first++) {
    const flag = command.arg(first).toUpperCase();
    if (!ADD_FLAGS.has(flag)) break;
    flags.add(flag);
  }
  return { flags, first };
}
