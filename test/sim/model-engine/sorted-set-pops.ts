// Sorted sets: what takes the members with the lowest or highest scores. What would wait for them answers at once, as
// inside MULTI.

import { at, type CommandTable } from './command-table.ts';
import type { Keyspace } from './keyspace.ts';
import { type MultiPop, parseMultiPop } from './multi-pop-options.ts';
import { countArgument, formatDouble } from './numbers.ts';
import { array, bulk, bulks, EMPTY, type ModelReply, NULL_ARRAY, SYNTAX_ERROR } from './reply.ts';
import type { SortedSet } from './sorted-set.ts';
import { afterRemoval } from './sorted-sets.ts';
import { checkTimeoutSeconds } from './timeouts.ts';

type Where = 'MIN' | 'MAX';

const WHERES: readonly Where[] = ['MIN', 'MAX'];

/** Takes `count` members off one end, nearest first. */
function take(space: Keyspace, key: string, zset: SortedSet, where: Where, count: number) {
  const size = zset.size;
  const number = Math.min(count, size);
  const taken =
    where === 'MIN' ? zset.removeRange(0, number) : zset.removeRange(size - number, size).reverse();
  afterRemoval(space, key, zset, taken.length);
  return taken;
}

function pop(space: Keyspace, args: readonly string[], where: Where): ModelReply {
  if (args.length > 3) throw SYNTAX_ERROR;
  const key = at(args, 1);
  const count = args.length === 3 ? countArgument(at(args, 2)) : 1;
  const zset = space.findZset(key)?.zset;
  if (zset === undefined || count === 0) return EMPTY;
  const taken = take(space, key, zset, where, count);
  return bulks(taken.flatMap((item) => [item.member, formatDouble(item.score)]));
}

function popName(where: Where): string {
  return where === 'MIN' ? 'ZPOPMIN' : 'ZPOPMAX';
}

/** ZMPOP and BZMPOP: some members of the first sorted set that there is. */
function popMany(space: Keyspace, { keys, where, count }: MultiPop<Where>): ModelReply {
  for (const key of keys) {
    const zset = space.findZset(key)?.zset;
    if (zset === undefined) continue;
    const taken = take(space, key, zset, where, count);
    space.rewritten = [popName(where), key, String(taken.length)];
    const pairs = taken.map((item) => bulks([item.member, formatDouble(item.score)]));
    return array([bulk(key), array(pairs)]);
  }
  return NULL_ARRAY;
}

/** BZPOPMIN and BZPOPMAX: key ... timeout. */
function blockingPop(space: Keyspace, args: readonly string[], where: Where): ModelReply {
  checkTimeoutSeconds(at(args, args.length - 1));
  for (const key of args.slice(1, -1)) {
    const zset = space.findZset(key)?.zset;
    if (zset === undefined) continue;
    const taken = take(space, key, zset, where, 1);
    space.rewritten = [popName(where), key];
    return bulks([key, ...taken.flatMap((item) => [item.member, formatDouble(item.score)])]);
  }
  return NULL_ARRAY;
}

function blockingPopMany(space: Keyspace, args: readonly string[]): ModelReply {
  const options = parseMultiPop(args, 2, WHERES);
  checkTimeoutSeconds(at(args, 1));
  return popMany(space, options);
}

export const SORTED_SET_POP_COMMANDS: CommandTable = {
  ZPOPMIN: [-2, (space, args) => pop(space, args, 'MIN')],
  ZPOPMAX: [-2, (space, args) => pop(space, args, 'MAX')],
  ZMPOP: [-4, (space, args) => popMany(space, parseMultiPop(args, 1, WHERES))],
  BZPOPMIN: [-3, (space, args) => blockingPop(space, args, 'MIN')],
  BZPOPMAX: [-3, (space, args) => blockingPop(space, args, 'MAX')],
  BZMPOP: [-5, blockingPopMany],
};
