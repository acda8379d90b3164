// Strings and counters.

import { addLongDouble, isLongDouble } from '../../../src/model/long-double.ts';
import { at, type CommandTable } from './command-table.ts';
import { isTimeUnit, positiveExpiry, type TimeUnit } from './expiry-options.ts';
import type { Keyspace } from './keyspace.ts';
import { addInt64, type Int64, indexArgument, integerArgument, negateInt64 } from './numbers.ts';
import {
  array,
  bulk,
  bulkOrNull,
  integer,
  type ModelReply,
  NOT_A_FLOAT,
  NULL,
  OK,
  ONE,
  Refusal,
  SYNTAX_ERROR,
  WOULD_OVERFLOW,
  wrongArity,
  ZERO,
} from './reply.ts';

const STRING_BYTES_MAX = 512 * 1024 * 1024;

interface SetOptions {
  condition: 'NX' | 'XX' | undefined;
  get: boolean;
  keepTtl: boolean;
  unit: TimeUnit | undefined;
  time: string;
}

function parseSetOptions(args: readonly string[]): SetOptions {
  const options: SetOptions = {
    condition: undefined,
    get: false,
    keepTtl: false,
    unit: undefined,
    time: '',
  };
  for (let i = 3; i < args.length; i++) {
    const word = at(args, i).toUpperCase();
    const expiryGiven = options.keepTtl || options.unit !== undefined;
    if ((word === 'NX' || word === 'XX') && (options.condition ?? word) === word) {
      options.condition = word;
    } else if (word === 'GET') {
      options.get = true;
    } else if (word === 'KEEPTTL' && options.unit === undefined) {
      options.keepTtl = true;
    } else if (isTimeUnit(word) && !expiryGiven && i + 1 < args.length) {
      options.unit = word;
      options.time = at(args, ++i);
    } else {
      throw SYNTAX_ERROR;
    }
  }
  return options;
}

function set(space: Keyspace, args: readonly string[]): ModelReply {
  if (args.length === 3) {
    space.assign(at(args, 1), { type: 'string', text: at(args, 2) });
    space.dirty++;
    return OK;
  }
  const options = parseSetOptions(args);
  const expiresAtMs =
    options.unit === undefined
      ? undefined
      : positiveExpiry(options.time, options.unit, space.nowMs, 'set');
  const [, key = '', text = ''] = args;
  const former = options.get ? bulkOrNull(space.findString(key)?.text) : undefined;
  const found = space.find(key) !== undefined;
  if (options.condition === 'NX' ? found : options.condition === 'XX' && !found) {
    return former ?? NULL;
  }
  const keptExpiry = space.expiryOf(key);
  space.assign(key, { type: 'string', text });
  if (options.keepTtl) space.setExpiry(key, keptExpiry);
  space.dirty++;
  if (expiresAtMs !== undefined) {
    space.setExpiry(key, expiresAtMs);
    space.rewritten = ['SET', key, text, 'PXAT', String(expiresAtMs)];
  } else if (options.get) {
    space.rewritten = args.filter((arg, i) => i < 3 || arg.toUpperCase() !== 'GET');
  }
  return former ?? OK;
}

function setWithExpiry(space: Keyspace, args: readonly string[], unit: TimeUnit): ModelReply {
  const [name = '', key = '', time = '', text = ''] = args;
  const expiresAtMs = positiveExpiry(time, unit, space.nowMs, name);
  space.assign(key, { type: 'string', text });
  space.setExpiry(key, expiresAtMs);
  space.dirty++;
  space.rewritten = ['SET', key, text, 'PXAT', String(expiresAtMs)];
  return OK;
}

function setIfAbsent(space: Keyspace, args: readonly string[]): ModelReply {
  const key = at(args, 1);
  if (space.find(key) !== undefined) return ZERO;
  space.assign(key, { type: 'string', text: at(args, 2) });
  space.dirty++;
  return ONE;
}

function getSet(space: Keyspace, args: readonly string[]): ModelReply {
  const [, key = '', text = ''] = args;
  const former = bulkOrNull(space.findString(key)?.text);
  space.assign(key, { type: 'string', text });
  space.dirty++;
  space.rewritten = ['SET', key, text];
  return former;
}

function getAndDelete(space: Keyspace, args: readonly string[]): ModelReply {
  const key = at(args, 1);
  const value = space.findString(key);
  if (value === undefined) return NULL;
  space.remove(key);
  space.changed(key);
  space.rewritten = ['DEL', key];
  return bulk(value.text);
}

function getAndExpire(space: Keyspace, args: readonly string[]): ModelReply {
  const key = at(args, 1);
  const { unit, time, persist } = parseGetexOptions(args);
  const value = space.findString(key);
  if (value === undefined) return NULL;
  if (unit !== undefined) {
    const atMs = positiveExpiry(time, unit, space.nowMs, 'getex');
    if ((unit === 'PXAT' || unit === 'EXAT') && atMs <= space.nowMs) {
      space.remove(key);
      space.rewritten = ['DEL', key];
    } else {
      space.setExpiry(key, atMs);
      space.rewritten = ['PEXPIREAT', key, String(atMs)];
    }
    space.changed(key);
  } else if (persist && space.persist(key)) {
    space.changed(key);
    space.rewritten = ['PERSIST', key];
  }
  return bulk(value.text);
}

function parseGetexOptions(args: readonly string[]) {
  let unit: TimeUnit | undefined;
  let time = '';
  let persist = false;
  for (let i = 2; i < args.length; i++) {
    const word = at(args, i).toUpperCase();
    if (word === 'PERSIST' && unit === undefined) {
      persist = true;
    } else if (isTimeUnit(word) && unit === undefined && !persist && i + 1 < args.length) {
      unit = word;
      time = at(args, ++i);
    } else {
      throw SYNTAX_ERROR;
    }
  }
  return { unit, time, persist };
}

function setMany(space: Keyspace, args: readonly string[]): ModelReply {
  if (args.length % 2 === 0) throw wrongArity('mset');
  for (let i = 1; i < args.length; i += 2) {
    space.assign(at(args, i), { type: 'string', text: at(args, i + 1) });
    space.dirty++;
  }
  return OK;
}

function setManyIfAbsent(space: Keyspace, args: readonly string[]): ModelReply {
  if (args.length % 2 === 0) throw wrongArity('msetnx');
  for (let i = 1; i < args.length; i += 2) {
    if (space.find(at(args, i)) !== undefined) return ZERO;
  }
  setMany(space, args);
  return ONE;
}

function getMany(space: Keyspace, args: readonly string[]): ModelReply {
  return array(
    args.slice(1).map((key) => {
      const value = space.find(key);
      return value?.type === 'string' ? bulk(value.text) : NULL;
    }),
  );
}

function append(space: Keyspace, args: readonly string[]): ModelReply {
  const [, key = '', suffix = ''] = args;
  const value = space.findString(key);
  if (value === undefined) space.put(key, { type: 'string', text: suffix });
  else value.text += suffix;
  space.changed(key);
  return integer((value?.text ?? suffix).length);
}

function setRange(space: Keyspace, args: readonly string[]): ModelReply {
  const [, key = '', offsetText = '', patch = ''] = args;
  const offset = indexArgument(offsetText);
  if (offset < 0) throw new Refusal('ERR offset is out of range');
  const value = space.findString(key);
  const text = value?.text ?? '';
  if (patch.length === 0) return integer(text.length);
  if (offset + patch.length > STRING_BYTES_MAX) {
    throw new Refusal('ERR string exceeds maximum allowed size (proto-max-bulk-len)');
  }
  const patched =
    text.slice(0, offset).padEnd(offset, '\0') + patch + text.slice(offset + patch.length);
  if (value === undefined) space.put(key, { type: 'string', text: patched });
  else value.text = patched;
  space.changed(key);
  return integer(patched.length);
}

function getRange(space: Keyspace, args: readonly string[]): ModelReply {
  let start = indexArgument(at(args, 2));
  let end = indexArgument(at(args, 3));
  const text = space.findString(at(args, 1))?.text ?? '';
  if (start < 0 && end < 0 && start > end) return bulk('');
  if (start < 0) start = Math.max(0, text.length + start);
  if (end < 0) end = Math.max(0, text.length + end);
  return bulk(text.slice(start, end + 1));
}

function increment(space: Keyspace, key: string, delta: Int64): ModelReply {
  const value = space.findString(key);
  const sum = addInt64(value === undefined ? 0 : integerArgument(value.text), delta);
  if (sum === undefined) throw WOULD_OVERFLOW;
  if (value === undefined) space.put(key, { type: 'string', text: String(sum) });
  else value.text = String(sum);
  space.changed(key);
  return integer(sum);
}

function decrementBy(space: Keyspace, args: readonly string[]): ModelReply {
  const delta = negateInt64(integerArgument(at(args, 2)));
  if (delta === undefined) throw new Refusal('ERR decrement would overflow');
  return increment(space, at(args, 1), delta);
}

function incrementByFloat(space: Keyspace, args: readonly string[]): ModelReply {
  const [, key = '', delta = ''] = args;
  const value = space.findString(key);
  if (value !== undefined && !isLongDouble(value.text)) throw NOT_A_FLOAT;
  const sum = addLongDouble(value?.text ?? '0', delta);
  if (sum === undefined) throw NOT_A_FLOAT;
  if (value === undefined) space.put(key, { type: 'string', text: sum });
  else value.text = sum;
  space.changed(key);
  space.rewritten = ['SET', key, sum, 'KEEPTTL'];
  return bulk(sum);
}

export const STRING_COMMANDS: CommandTable = {
  SET: [-3, set],
  SETNX: [3, setIfAbsent],
  SETEX: [4, (space, args) => setWithExpiry(space, args, 'EX')],
  PSETEX: [4, (space, args) => setWithExpiry(space, args, 'PX')],
  GET: [2, (space, args) => bulkOrNull(space.findString(at(args, 1))?.text)],
  GETSET: [3, getSet],
  GETDEL: [2, getAndDelete],
  GETEX: [-2, getAndExpire],
  MSET: [-3, setMany],
  MSETNX: [-3, setManyIfAbsent],
  MGET: [-2, getMany],
  APPEND: [3, append],
  SETRANGE: [4, setRange],
  GETRANGE: [4, getRange],
  STRLEN: [2, (space, args) => integer(space.findString(at(args, 1))?.text.length ?? 0)],
  INCR: [2, (space, args) => increment(space, at(args, 1), 1)],
  DECR: [2, (space, args) => increment(space, at(args, 1), -1)],
  INCRBY: [3, (space, args) => increment(space, at(args, 1), integerArgument(at(args, 2)))],
  DECRBY: [3, decrementBy],
  INCRBYFLOAT: [3, incrementByFloat],
};
