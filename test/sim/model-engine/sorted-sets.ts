// Sorted sets: writes of members and range removals. Pops are in sorted-set-pops.ts, ranges that are read or stored in
// sorted-set-ranges.ts, unions and intersections in sorted-set-stores.ts.

import { at, type CommandTable } from './command-table.ts';
import type { Keyspace } from './keyspace.ts';
import { doubleArgument, formatDouble } from './numbers.ts';
import {
  array,
  bulk,
  integer,
  type ModelReply,
  NULL,
  Refusal,
  SYNTAX_ERROR,
  ZERO,
} from './reply.ts';
import { SortedSet } from './sorted-set.ts';
import { lexRange, rankRange, type SpanFinder, scoreRange } from './sorted-set-ranges.ts';

interface AddOptions {
  nx: boolean;
  xx: boolean;
  gt: boolean;
  lt: boolean;
  ch: boolean;
  incr: boolean;
  /** Index of the first score. */
  first: number;
}

function parseAddOptions(args: readonly string[]): AddOptions {
  const options = { nx: false, xx: false, gt: false, lt: false, ch: false, incr: false, first: 2 };
  for (; options.first < args.length; options.first++) {
    const word = at(args, options.first).toLowerCase();
    if (word === 'nx' || word === 'xx' || word === 'gt' || word === 'lt') options[word] = true;
    else if (word === 'ch' || word === 'incr') options[word] = true;
    else break;
  }
  const elements = args.length - options.first;
  if (elements === 0 || elements % 2 === 1) throw SYNTAX_ERROR;
  if (options.nx && options.xx) {
    throw new Refusal('ERR XX and NX options at the same time are not compatible');
  }
  if ((options.gt && options.nx) || (options.lt && options.nx) || (options.gt && options.lt)) {
    throw new Refusal('ERR GT, LT, and/or NX options at the same time are not compatible');
  }
  if (options.incr && elements > 2) {
    throw new Refusal('ERR INCR option supports a single increment-element pair');
  }
  return options;
}

function add(space: Keyspace, args: readonly string[]): ModelReply {
  return addWith(space, args, parseAddOptions(args));
}

function incrementBy(space: Keyspace, args: readonly string[]): ModelReply {
  const plain = { nx: false, xx: false, gt: false, lt: false, ch: false };
  return addWith(space, args, { ...plain, incr: true, first: 2 });
}

function addWith(space: Keyspace, args: readonly string[], options: AddOptions): ModelReply {
  const key = at(args, 1);
  const scores: number[] = [];
  for (let i = options.first; i < args.length; i += 2) scores.push(doubleArgument(at(args, i)));
  let zset = space.findZset(key)?.zset;
  if (zset === undefined) {
    if (options.xx) return options.incr ? NULL : ZERO;
    zset = new SortedSet();
    space.put(key, { type: 'zset', zset });
  }
  let added = 0;
  let updated = 0;
  let result: number | undefined;
  for (let i = 0; i < scores.length; i++) {
    const member = at(args, options.first + 2 * i + 1);
    const former = zset.score(member);
    result = scoreAfter(former, scores[i] as number, options);
    if (result === undefined || result === former) continue;
    zset.set(member, result);
    if (former === undefined) added++;
    else updated++;
  }
  if (added + updated > 0) {
    space.changed(key);
  }
  if (options.incr) return result === undefined ? NULL : bulk(formatDouble(result));
  return integer(options.ch ? added + updated : added);
}

/** The score that a member has afterwards; undefined if the options leave it alone. */
function scoreAfter(
  former: number | undefined,
  given: number,
  options: AddOptions,
): number | undefined {
  if (former === undefined) return options.xx ? undefined : given;
  if (options.nx) return undefined;
  const score = options.incr ? former + given : given;
  if (Number.isNaN(score)) throw new Refusal('ERR resulting score is not a number (NaN)');
  if ((options.gt && score <= former) || (options.lt && score >= former)) return undefined;
  return score;
}

function remove(space: Keyspace, args: readonly string[]): ModelReply {
  const key = at(args, 1);
  const zset = space.findZset(key)?.zset;
  if (zset === undefined) return ZERO;
  let removed = 0;
  for (let i = 2; i < args.length; i++) if (zset.delete(at(args, i))) removed++;
  return afterRemoval(space, key, zset, removed);
}

/** Deletes a key that has become empty and tells of the change, if there was one. */
export function afterRemoval(
  space: Keyspace,
  key: string,
  zset: SortedSet,
  removed: number,
): ModelReply {
  if (removed > 0) {
    if (zset.size === 0) space.remove(key);
    space.changed(key);
  }
  return integer(removed);
}

type RangeParser = (min: string, max: string) => SpanFinder;

function removeRange(space: Keyspace, args: readonly string[], parse: RangeParser): ModelReply {
  const key = at(args, 1);
  const spanOf = parse(at(args, 2), at(args, 3));
  const zset = space.findZset(key)?.zset;
  if (zset === undefined) return ZERO;
  const { start, end } = spanOf(zset);
  const removed = zset.removeRange(start, end).length;
  return afterRemoval(space, key, zset, removed);
}

function scoreOf(space: Keyspace, key: string, member: string): ModelReply {
  const score = space.findZset(key)?.zset.score(member);
  return score === undefined ? NULL : bulk(formatDouble(score));
}

export const SORTED_SET_COMMANDS: CommandTable = {
  ZADD: [-4, add],
  ZINCRBY: [4, incrementBy],
  ZREM: [-3, remove],
  ZREMRANGEBYSCORE: [4, (space, args) => removeRange(space, args, scoreRange)],
  ZREMRANGEBYRANK: [4, (space, args) => removeRange(space, args, rankRange)],
  ZREMRANGEBYLEX: [4, (space, args) => removeRange(space, args, lexRange)],
  ZSCORE: [3, (space, args) => scoreOf(space, at(args, 1), at(args, 2))],
  ZMSCORE: [
    -3,
    (space, args) => array(args.slice(2).map((member) => scoreOf(space, at(args, 1), member))),
  ],
  ZCARD: [2, (space, args) => integer(space.findZset(at(args, 1))?.zset.size ?? 0)],
};
