// Lists.

import { at, type CommandTable } from './command-table.ts';
import type { Keyspace } from './keyspace.ts';
import { countArgument, indexArgument } from './numbers.ts';
import {
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

type End = 'LEFT' | 'RIGHT';

function push(space: Keyspace, args: readonly string[], end: End, create: boolean): ModelReply {
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

function insertAt(items: string[], end: End, item: string): void {
  if (end === 'LEFT') items.unshift(item);
  else items.push(item);
}

function pop(space: Keyspace, args: readonly string[], end: End): ModelReply {
  if (args.length > 3)
    throw new Refusal(`ERR wrong number of arguments for '${at(args, 0).toLowerCase()}' command`);
  const key = at(args, 1);
  const counted = args.length === 3;
  const count = counted ? countArgument(at(args, 2)) : 1;
  const list = space.findList(key);
  if (list === undefined) return counted ? NULL_ARRAY : NULL;
  if (count === 0) return EMPTY;
  const popped =
    end === 'LEFT'
      ? list.items.splice(0, count)
      : list.items.splice(-Math.min(count, list.items.length)).reverse();
  if (list.items.length === 0) space.remove(key);
  space.changed(key);
  return counted ? bulks(popped) : bulk(at(popped, 0));
}

function endArgument(text: string): End {
  const end = text.toUpperCase();
  if (end !== 'LEFT' && end !== 'RIGHT') throw SYNTAX_ERROR;
  return end;
}

function move(
  space: Keyspace,
  source: string,
  target: string,
  ends: readonly [End, End],
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
  LMOVE: [
    5,
    (space, args) =>
      move(space, at(args, 1), at(args, 2), [endArgument(at(args, 3)), endArgument(at(args, 4))]),
  ],
  RPOPLPUSH: [3, (space, args) => move(space, at(args, 1), at(args, 2), ['RIGHT', 'LEFT'])],
};
