// Hashes.

import { addLongDouble, isLongDouble } from '../../../src/model/long-double.ts';
import { at, type CommandTable } from './command-table.ts';
import type { Keyspace } from './keyspace.ts';
import { addInt64, integerArgument, parseInt64 } from './numbers.ts';
import {
  array,
  bulk,
  bulkOrNull,
  bulks,
  integer,
  type ModelReply,
  NOT_A_FLOAT,
  OK,
  ONE,
  Refusal,
  WOULD_OVERFLOW,
  wrongArity,
  ZERO,
} from './reply.ts';
import type { HashValue } from './value.ts';

function hashAt(space: Keyspace, key: string): HashValue {
  const found = space.findHash(key);
  if (found !== undefined) return found;
  const hash: HashValue = { type: 'hash', fields: new Map(), expiries: new Map() };
  space.put(key, hash);
  return hash;
}

function fieldsOf(space: Keyspace, key: string): Map<string, string> {
  return hashAt(space, key).fields;
}

function assignFields(space: Keyspace, args: readonly string[]): number {
  if (args.length % 2 === 1) throw wrongArity(at(args, 0));
  const key = at(args, 1);
  const { fields, expiries } = hashAt(space, key);
  const before = fields.size;
  for (let i = 2; i < args.length; i += 2) {
    fields.set(at(args, i), at(args, i + 1));
    expiries.delete(at(args, i));
    space.dirty++;
  }
  space.touch(key);
  return fields.size - before;
}

function setIfAbsent(space: Keyspace, args: readonly string[]): ModelReply {
  const [, key = '', field = '', text = ''] = args;
  const fields = fieldsOf(space, key);
  if (fields.has(field)) return ZERO;
  fields.set(field, text);
  space.changed(key);
  return ONE;
}

function remove(space: Keyspace, args: readonly string[]): ModelReply {
  const key = at(args, 1);
  const hash = space.findHash(key);
  if (hash === undefined) return ZERO;
  let removed = 0;
  for (let i = 2; i < args.length; i++) {
    hash.expiries.delete(at(args, i));
    if (hash.fields.delete(at(args, i))) removed++;
  }
  if (removed === 0) return ZERO;
  if (hash.fields.size === 0) space.remove(key);
  space.changed(key);
  return integer(removed);
}

function increment(space: Keyspace, args: readonly string[]): ModelReply {
  const [, key = '', field = '', deltaText = ''] = args;
  const delta = integerArgument(deltaText);
  const former = space.findHash(key)?.fields.get(field);
  const base = former === undefined ? 0 : parseInt64(former);
  if (base === undefined) throw new Refusal('ERR hash value is not an integer');
  const sum = addInt64(base, delta);
  if (sum === undefined) throw WOULD_OVERFLOW;
  fieldsOf(space, key).set(field, String(sum));
  space.changed(key);
  return integer(sum);
}

function incrementByFloat(space: Keyspace, args: readonly string[]): ModelReply {
  const [, key = '', field = '', delta = ''] = args;
  if (!isLongDouble(delta)) throw NOT_A_FLOAT;
  const former = space.findHash(key)?.fields.get(field);
  const sum = addLongDouble(former ?? '0', delta);
  if (sum === undefined) throw new Refusal('ERR hash value is not a float');
  const hash = hashAt(space, key);
  hash.fields.set(field, sum);
  // As those who get the rewritten form have it.
  hash.expiries.delete(field);
  space.changed(key);
  space.rewritten = ['HSET', key, field, sum];
  return bulk(sum);
}

function getMany(space: Keyspace, args: readonly string[]): ModelReply {
  const fields = space.findHash(at(args, 1))?.fields;
  return array(args.slice(2).map((field) => bulkOrNull(fields?.get(field))));
}

export const HASH_COMMANDS: CommandTable = {
  HSET: [-4, (space, args) => integer(assignFields(space, args))],
  HMSET: [
    -4,
    (space, args) => {
      assignFields(space, args);
      return OK;
    },
  ],
  HSETNX: [4, setIfAbsent],
  HGET: [3, (space, args) => bulkOrNull(space.findHash(at(args, 1))?.fields.get(at(args, 2)))],
  HMGET: [-3, getMany],
  HGETALL: [2, (space, args) => bulks([...(space.findHash(at(args, 1))?.fields ?? [])].flat())],
  HKEYS: [2, (space, args) => bulks(space.findHash(at(args, 1))?.fields.keys() ?? [])],
  HVALS: [2, (space, args) => bulks(space.findHash(at(args, 1))?.fields.values() ?? [])],
  HEXISTS: [
    3,
    (space, args) => (space.findHash(at(args, 1))?.fields.has(at(args, 2)) ? ONE : ZERO),
  ],
  HLEN: [2, (space, args) => integer(space.findHash(at(args, 1))?.fields.size ?? 0)],
  HDEL: [-3, remove],
  HINCRBY: [4, increment],
  HINCRBYFLOAT: [4, incrementByFloat],
};
