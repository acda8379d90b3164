// Lists.

import { at, type CommandTable } from './command-table.ts';
import type { Keyspace } from './keyspace.ts';
import { countArgument, indexArgument, parseInt64 } from './numbers.ts';
import {
  array,
  bulk,
  bulkOrNull,
  bulks,
  EMPTY,
  integer,
  type ModelReply,
  NO_SUCH_KEY,
  NULL,
  NULL_ARRAY,
  OK,
  Refusal,
  SYNTAX_ERROR,
  ZERO,
} from './reply.ts';
import type { ListValue } from './value.ts';

export type ListEnd = 'LEFT' | 'RIGHT';

function push(space: Keyspace, args: readonly string[], end: ListEnd, create: boolean): ModelReply {
  const key = at(args, 1);
  let list = space.findList(key);
  if (list === undefined) {
    if (!create) return ZERO;
    list = { type: 'list', items: [] };
    space.put(key, list);
  }
  for (let i = 2; i < args.length; i++) insertAt(list.items, end, at(args, i));
  space.changed(key);
  return integer(list.items.length);
}

function insertAt(items: string[], end: ListEnd, item: string): void {
  if (end === 'LEFT') items.unshift(item);
  else items.push(item);
}

function pop(space: Keyspace, args: readonly string[], end: ListEnd): ModelReply {
  if (args.length > 3)
    throw new Refusal(`ERR wrong number of arguments for '${at(args, 0).toLowerCase()}' command`);
  const key = at(args, 1);
  const counted = args.length === 3;
  const count = counted ? countArgument(at(args, 2)) : 1;
  const list = space.findList(key);
  if (list === undefined) return counted ? NULL_ARRAY : NULL;
  if (count === 0) return EMPTY;
  const popped = takeItems(space, key, list, end, count);
  return counted ? bulks(popped) : bulk(at(popped, 0));
}

/** Takes `count` items off one end, or as many as there are; the outermost comes first. */
export function takeItems(
  space: Keyspace,
  key: string,
  list: ListValue,
  end: ListEnd,
  count: number,
): string[] {
  const taken =
    end === 'LEFT'
      ? list.items.splice(0, count)
      : list.items.splice(-Math.min(count, list.items.length)).reverse();
  if (list.items.length === 0) space.remove(key);
  space.changed(key);
  return taken;
}

export function endArgument(text: string): ListEnd {
  const end = text.toUpperCase();
  if (end !== 'LEFT' && end !== 'RIGHT') throw SYNTAX_ERROR;
  return end;
}

export function move(
  space: Keyspace,
  source: string,
  target: string,
  ends: readonly [ListEnd, ListEnd],
): ModelReply {
  const from = space.findList(source);
  if (from === undefined) return NULL;
  space.findList(target);
  const item = (ends[0] === 'LEFT' ? from.items.shift() : from.items.pop()) as string;
  let to = space.findList(target);
  if (to === undefined) {
    to = { type: 'list', items: [] };
    space.put(target, to);
  }
  insertAt(to.items, ends[1], item);
  space.touch(target);
  if (from.items.length === 0) space.remove(source);
  space.changed(source);
  return bulk(item);
}

/** Start and end (exclusive) of a range whose negative indexes count from the end. */
export function rangeOf(args: readonly string[], length: number): { start: number; end: number } {
  let start = indexArgument(at(args, 2));
  let end = indexArgument(at(args, 3));
  if (start < 0) start = Math.max(0, length + start);
  if (end < 0) end = length + end;
  end = Math.min(end, length - 1) + 1;
  return start >= end ? { start: 0, end: 0 } : { start, end };
}

function trim(space: Keyspace, args: readonly string[]): ModelReply {
  rangeOf(args, 0);
  const key = at(args, 1);
  const list = space.findList(key);
  if (list === undefined) return OK;
  const { start, end } = rangeOf(args, list.items.length);
  const before = list.items.length;
  list.items = list.items.slice(start, end);
  if (list.items.length === 0) space.remove(key);
  space.touch(key);
  space.dirty += before - list.items.length;
  return OK;
}

function range(space: Keyspace, args: readonly string[]): ModelReply {
  rangeOf(args, 0);
  const items = space.findList(at(args, 1))?.items ?? [];
  const { start, end } = rangeOf(args, items.length);
  return bulks(items.slice(start, end));
}

function assign(space: Keyspace, args: readonly string[]): ModelReply {
  const [, key = '', indexText = '', text = ''] = args;
  const list = space.findList(key);
  if (list === undefined) throw NO_SUCH_KEY;
  let index = indexArgument(indexText);
  if (index < 0) index += list.items.length;
  if (index < 0 || index >= list.items.length) throw new Refusal('ERR index out of range');
  list.items[index] = text;
  space.changed(key);
  return OK;
}

function index(space: Keyspace, args: readonly string[]): ModelReply {
  const items = space.findList(at(args, 1))?.items;
  if (items === undefined) return NULL;
  return bulkOrNull(items.at(indexArgument(at(args, 2))));
}

function removeEqual(space: Keyspace, args: readonly string[]): ModelReply {
  const [, key = '', countText = '', text = ''] = args;
  const count = indexArgument(countText);
  const list = space.findList(key);
  if (list === undefined) return ZERO;
  let left = count === 0 ? Number.POSITIVE_INFINITY : Math.abs(count);
  const keep = (item: string) => item !== text || left-- <= 0;
  const before = list.items.length;
  list.items = count < 0 ? list.items.reverse().filter(keep).reverse() : list.items.filter(keep);
  const removed = before - list.items.length;
  if (removed === 0) return ZERO;
  if (list.items.length === 0) space.remove(key);
  space.changed(key);
  return integer(removed);
}

function insert(space: Keyspace, args: readonly string[]): ModelReply {
  const [, key = '', whereText = '', pivot = '', text = ''] = args;
  const where = whereText.toUpperCase();
  if (where !== 'BEFORE' && where !== 'AFTER') throw SYNTAX_ERROR;
  const list = space.findList(key);
  if (list === undefined) return ZERO;
  const found = list.items.indexOf(pivot);
  if (found < 0) return integer(-1);
  list.items.splice(where === 'BEFORE' ? found : found + 1, 0, text);
  space.changed(key);
  return integer(list.items.length);
}

interface PositionQuery {
  /** The match to begin with; counted from the tail if negative. */
  readonly rank: number;
  /** How many matches (0: all); undefined: one, and not as an array. */
  readonly count: number | undefined;
  /** How many items to look at; 0: all. */
  readonly within: number;
}

function parsePositionQuery(args: readonly string[]): PositionQuery {
  let rank = 1;
  let count: number | undefined;
  let within = 0;
  for (let i = 3; i < args.length; i += 2) {
    const word = at(args, i).toUpperCase();
    const given = args[i + 1];
    if (word === 'RANK' && given !== undefined) {
      rank = indexArgument(given);
      if (rank === 0) {
        throw new Refusal(
          "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
        );
      }
    } else if (word === 'COUNT' && given !== undefined) {
      count = notNegative(given, word);
    } else if (word === 'MAXLEN' && given !== undefined) {
      within = notNegative(given, word);
    } else {
      throw SYNTAX_ERROR;
    }
  }
  return { rank, count, within };
}

function notNegative(text: string, option: string): number {
  const value = parseInt64(text);
  if (value === undefined || value < 0) throw new Refusal(`ERR ${option} can't be negative`);
  return Number(value);
}

function positions(space: Keyspace, args: readonly string[]): ModelReply {
  const { rank, count, within } = parsePositionQuery(args);
  const items = space.findList(at(args, 1))?.items ?? [];
  const looked = Math.min(items.length, within || items.length);
  const found: number[] = [];
  for (let i = 0; i < looked; i++) {
    const index = rank < 0 ? items.length - 1 - i : i;
    if (items[index] === at(args, 2)) found.push(index);
  }
  const from = Math.abs(rank) - 1;
  if (count === undefined) return found[from] === undefined ? NULL : integer(found[from]);
  return array(found.slice(from, count === 0 ? undefined : from + count).map(integer));
}

export const LIST_COMMANDS: CommandTable = {
  LPUSH: [-3, (space, args) => push(space, args, 'LEFT', true)],
  RPUSH: [-3, (space, args) => push(space, args, 'RIGHT', true)],
  LPUSHX: [-3, (space, args) => push(space, args, 'LEFT', false)],
  RPUSHX: [-3, (space, args) => push(space, args, 'RIGHT', false)],
  LPOP: [-2, (space, args) => pop(space, args, 'LEFT')],
  RPOP: [-2, (space, args) => pop(space, args, 'RIGHT')],
  LLEN: [2, (space, args) => integer(space.findList(at(args, 1))?.items.length ?? 0)],
  LRANGE: [4, range],
  LINDEX: [3, index],
  LTRIM: [4, trim],
  LSET: [4, assign],
  LREM: [4, removeEqual],
  LINSERT: [5, insert],
  LPOS: [-3, positions],
  LMOVE: [
    5,
    (space, args) =>
      move(space, at(args, 1), at(args, 2), [endArgument(at(args, 3)), endArgument(at(args, 4))]),
  ],
  RPOPLPUSH: [3, (space, args) => move(space, at(args, 1), at(args, 2), ['RIGHT', 'LEFT'])],
};
