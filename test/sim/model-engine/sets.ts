// Sets. Which members SPOP takes is the one thing in which an engine is free; see `choose`.

import { at, type CommandTable } from './command-table.ts';
import type { Keyspace } from './keyspace.ts';
import { countArgument } from './numbers.ts';
import {
  array,
  bulk,
  bulks,
  EMPTY,
  integer,
  type ModelReply,
  NULL,
  ONE,
  SYNTAX_ERROR,
  ZERO,
} from './reply.ts';

/** Picks `count` of a set's members. Asked by every SPOP that takes something. */
export type ChooseMembers = (members: ReadonlySet<string>, count: number) => readonly string[];

function membersOf(space: Keyspace, key: string): Set<string> {
  const value = space.findSet(key);
  if (value !== undefined) return value.members;
  const members = new Set<string>();
  space.put(key, { type: 'set', members });
  return members;
}

function add(space: Keyspace, args: readonly string[]): ModelReply {
  const key = at(args, 1);
  const members = membersOf(space, key);
  const before = members.size;
  for (let i = 2; i < args.length; i++) members.add(at(args, i));
  const added = members.size - before;
  if (added > 0) space.changed(key);
  return integer(added);
}

function remove(space: Keyspace, args: readonly string[]): ModelReply {
  const key = at(args, 1);
  const value = space.findSet(key);
  if (value === undefined) return ZERO;
  let removed = 0;
  for (let i = 2; i < args.length; i++) if (value.members.delete(at(args, i))) removed++;
  if (removed === 0) return ZERO;
  if (value.members.size === 0) space.remove(key);
  space.changed(key);
  return integer(removed);
}

function move(space: Keyspace, args: readonly string[]): ModelReply {
  const [, source = '', target = '', member = ''] = args;
  const from = space.find(source);
  const to = space.find(target);
  if (from === undefined) return ZERO;
  // Only now are the types looked at: a missing source hides a wrong target.
  const fromMembers = space.findSet(source)?.members ?? new Set();
  if (to !== undefined) space.findSet(target);
  if (source === target) return fromMembers.has(member) ? ONE : ZERO;
  if (!fromMembers.delete(member)) return ZERO;
  if (fromMembers.size === 0) space.remove(source);
  space.changed(source);
  const toMembers = membersOf(space, target);
  if (!toMembers.has(member)) {
    toMembers.add(member);
    space.changed(target);
  }
  return ONE;
}

function pop(space: Keyspace, args: readonly string[], choose: ChooseMembers): ModelReply {
  if (args.length > 3) throw SYNTAX_ERROR;
  if (args.length === 3) return popMany(space, args, choose);
  const key = at(args, 1);
  const members = space.findSet(key)?.members;
  if (members === undefined) return NULL;
  const [member = ''] = choose(members, 1);
  members.delete(member);
  if (members.size === 0) space.remove(key);
  space.changed(key);
  space.rewritten = ['SREM', key, member];
  return bulk(member);
}

function popMany(space: Keyspace, args: readonly string[], choose: ChooseMembers): ModelReply {
  const [, key = '', countText = ''] = args;
  const count = countArgument(countText);
  const members = space.findSet(key)?.members;
  if (members === undefined || count === 0) return EMPTY;
  const popped = choose(members, Math.min(count, members.size));
  if (count >= members.size) {
    space.remove(key);
    space.changed(key);
    space.rewritten = ['DEL', key];
    return bulks(popped);
  }
  for (const member of popped) {
    members.delete(member);
    space.effects.push(['SREM', key, member]);
  }
  space.changed(key);
  space.forced = 'never';
  return bulks(popped);
}

type Combine = (sets: readonly ReadonlySet<string>[]) => Set<string>;

const NO_MEMBERS: ReadonlySet<string> = new Set();

function union(sets: readonly ReadonlySet<string>[]): Set<string> {
  const all = new Set<string>();
  for (const set of sets) for (const member of set) all.add(member);
  return all;
}

function intersect(sets: readonly ReadonlySet<string>[]): Set<string> {
  const [first = NO_MEMBERS, ...rest] = sets;
  return new Set([...first].filter((member) => rest.every((set) => set.has(member))));
}

function subtract(sets: readonly ReadonlySet<string>[]): Set<string> {
  const [first = NO_MEMBERS, ...rest] = sets;
  return new Set([...first].filter((member) => !rest.some((set) => set.has(member))));
}

function sourcesOf(space: Keyspace, keys: readonly string[]): ReadonlySet<string>[] {
  return keys.map((key) => space.findSet(key)?.members ?? NO_MEMBERS);
}

function store(space: Keyspace, args: readonly string[], combine: Combine): ModelReply {
  const target = at(args, 1);
  const members = combine(sourcesOf(space, args.slice(2)));
  if (members.size > 0) {
    space.assign(target, { type: 'set', members });
    space.dirty++;
  } else if (space.remove(target)) {
    space.changed(target);
  }
  return integer(members.size);
}

function show(space: Keyspace, args: readonly string[], combine: Combine): ModelReply {
  return bulks(combine(sourcesOf(space, args.slice(1))));
}

/** The set commands; `choose` decides what SPOP takes. */
export function setCommands(choose: ChooseMembers): CommandTable {
  return {
    SADD: [-3, add],
    SREM: [-3, remove],
    SMOVE: [4, move],
    SPOP: [-2, (space, args) => pop(space, args, choose)],
    SMEMBERS: [2, (space, args) => bulks(space.findSet(at(args, 1))?.members ?? [])],
    SISMEMBER: [
      3,
      (space, args) => (space.findSet(at(args, 1))?.members.has(at(args, 2)) ? ONE : ZERO),
    ],
    SMISMEMBER: [
      -3,
      (space, args) => {
        const members = space.findSet(at(args, 1))?.members;
        return array(args.slice(2).map((member) => (members?.has(member) ? ONE : ZERO)));
      },
    ],
    SCARD: [2, (space, args) => integer(space.findSet(at(args, 1))?.members.size ?? 0)],
    SUNION: [-2, (space, args) => show(space, args, union)],
    SINTER: [-2, (space, args) => show(space, args, intersect)],
    SDIFF: [-2, (space, args) => show(space, args, subtract)],
    SUNIONSTORE: [-3, (space, args) => store(space, args, union)],
    SINTERSTORE: [-3, (space, args) => store(space, args, intersect)],
    SDIFFSTORE: [-3, (space, args) => store(space, args, subtract)],
  };
}
