// Lists: what takes from the first of several that has something, and what would wait for it. Nothing waits here: a
// command that finds nothing answers at once, as inside MULTI.

import { at, type CommandTable } from './command-table.ts';
import type { Keyspace } from './keyspace.ts';
import { endArgument, type ListEnd, move, takeItems } from './lists.ts';
import { type MultiPop, parseMultiPop } from './multi-pop-options.ts';
import { array, bulk, bulks, type ModelReply, NULL_ARRAY } from './reply.ts';
import { checkTimeoutSeconds } from './timeouts.ts';

const ENDS: readonly ListEnd[] = ['LEFT', 'RIGHT'];

function popName(end: ListEnd): string {
  return end === 'LEFT' ? 'LPOP' : 'RPOP';
}

/** LMPOP and BLMPOP: some items of the first list that there is. */
function popMany(space: Keyspace, { keys, where, count }: MultiPop<ListEnd>): ModelReply {
  for (const key of keys) {
    const list = space.findList(key);
    if (list === undefined) continue;
    const items = takeItems(space, key, list, where, count);
    space.rewritten = [popName(where), key, String(items.length)];
    return array([bulk(key), bulks(items)]);
  }
  return NULL_ARRAY;
}

/** BLPOP and BRPOP: key ... timeout. */
function blockingPop(space: Keyspace, args: readonly string[], end: ListEnd): ModelReply {
  checkTimeoutSeconds(at(args, args.length - 1));
  for (const key of args.slice(1, -1)) {
    const list = space.findList(key);
    if (list === undefined) continue;
    const [item = ''] = takeItems(space, key, list, end, 1);
    space.rewritten = [popName(end), key];
    return bulks([key, item]);
  }
  return NULL_ARRAY;
}

function blockingPopMany(space: Keyspace, args: readonly string[]): ModelReply {
  const options = parseMultiPop(args, 2, ENDS);
  checkTimeoutSeconds(at(args, 1));
  return popMany(space, options);
}

function blockingMove(space: Keyspace, args: readonly string[]): ModelReply {
  const [, source = '', target = '', from = '', to = '', timeout = ''] = args;
  const ends = [endArgument(from), endArgument(to)] as const;
  checkTimeoutSeconds(timeout);
  space.rewritten = ['LMOVE', source, target, from, to];
  return move(space, source, target, ends);
}

function blockingRotate(space: Keyspace, args: readonly string[]): ModelReply {
  const [, source = '', target = '', timeout = ''] = args;
  checkTimeoutSeconds(timeout);
  space.rewritten = ['RPOPLPUSH', source, target];
  return move(space, source, target, ['RIGHT', 'LEFT']);
}

export const LIST_POP_COMMANDS: CommandTable = {
  LMPOP: [-4, (space, args) => popMany(space, parseMultiPop(args, 1, ENDS))],
  BLPOP: [-3, (space, args) => blockingPop(space, args, 'LEFT')],
  BRPOP: [-3, (space, args) => blockingPop(space, args, 'RIGHT')],
  BLMPOP: [-5, blockingPopMany],
  BLMOVE: [6, blockingMove],
  BRPOPLPUSH: [4, blockingRotate],
};
