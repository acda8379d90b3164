// Expiries of single fields of a hash, as in Redis 7.4. A field whose time has come is removed by the expire cycle;
// the engine also does so when a command meets it, which is not modelled.

import { at, type CommandTable } from './command-table.ts';
import type { Keyspace } from './keyspace.ts';
import { indexArgument } from './numbers.ts';
import { array, integer, type ModelReply, SYNTAX_ERROR } from './reply.ts';
import type { HashValue } from './value.ts';

const NO_FIELD = -2;
const NO_EXPIRY = -1;

/** The fields that a command names behind FIELDS and their number. */
function fieldsIn(args: readonly string[], fieldsAt: number): readonly string[] {
  const names = args.slice(fieldsAt + 2);
  const isWellFormed = at(args, fieldsAt).toUpperCase() === 'FIELDS';
  if (!isWellFormed || indexArgument(at(args, fieldsAt + 1)) !== names.length) throw SYNTAX_ERROR;
  return names;
}

function mayChange(flag: string | undefined, before: number | undefined, ms: number): boolean {
  if (flag === 'NX') return before === undefined;
  if (flag === 'XX') return before !== undefined;
  if (flag === 'GT') return before !== undefined && ms > before;
  return flag !== 'LT' || before === undefined || ms < before;
}

function removeField(space: Keyspace, key: string, hash: HashValue, name: string): void {
  hash.fields.delete(name);
  hash.expiries.delete(name);
  if (hash.fields.size === 0) space.remove(key);
  space.touch(key);
  space.effects.push(['HDEL', key, name]);
}

function expireFields(space: Keyspace, args: readonly string[]): ModelReply {
  const [, key = '', text = ''] = args;
  const ms = indexArgument(text);
  const flag = at(args, 3).toUpperCase() === 'FIELDS' ? undefined : at(args, 3).toUpperCase();
  const names = fieldsIn(args, flag === undefined ? 3 : 4);
  const hash = space.findHash(key);
  const set: string[] = [];
  const replies = names.map((name) => {
    if (hash?.fields.has(name) !== true) return NO_FIELD;
    if (!mayChange(flag, hash.expiries.get(name), ms)) return 0;
    if (ms <= space.nowMs) {
      removeField(space, key, hash, name);
      return 2;
    }
    hash.expiries.set(name, ms);
    set.push(name);
    return 1;
  });
  if (set.length > 0) {
    space.changed(key);
    const flags = flag === undefined ? [] : [flag];
    space.rewritten = ['HPEXPIREAT', key, text, ...flags, 'FIELDS', String(set.length), ...set];
  }
  return array(replies.map((reply) => integer(reply)));
}

function persistFields(space: Keyspace, args: readonly string[]): ModelReply {
  const key = at(args, 1);
  const hash = space.findHash(key);
  const replies = fieldsIn(args, 2).map((name) => {
    if (hash?.fields.has(name) !== true) return NO_FIELD;
    return hash.expiries.delete(name) ? 1 : NO_EXPIRY;
  });
  if (replies.includes(1)) space.changed(key);
  return array(replies.map((reply) => integer(reply)));
}

function expiryTimes(space: Keyspace, args: readonly string[]): ModelReply {
  const hash = space.findHash(at(args, 1));
  const times = fieldsIn(args, 2).map((name) =>
    hash?.fields.has(name) === true ? (hash.expiries.get(name) ?? NO_EXPIRY) : NO_FIELD,
  );
  return array(times.map((time) => integer(time)));
}

/** Removes the fields of one hash that are due, and propagates that. True if there was one. */
export function expireDueFields(space: Keyspace, key: string): boolean {
  const value = space.peek(key);
  if (value?.type !== 'hash') return false;
  const due = [...value.expiries].filter(([, ms]) => ms < space.nowMs);
  for (const [name] of due) removeField(space, key, value, name);
  return due.length > 0;
}

export const FIELD_EXPIRY_COMMANDS: CommandTable = {
  HPEXPIREAT: [-6, expireFields],
  HPERSIST: [-5, persistFields],
  HPEXPIRETIME: [-5, expiryTimes],
};
