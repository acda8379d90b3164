// What an op does to the cells of its key, read from its command. The rules of docs/semantics.md are
// written against this form.

import {
  HYPERLOGLOG_KINDS,
  isOutsideKind,
  isWrite,
  JSON_KINDS,
  LIST_KINDS,
  OpFlag,
  OpKind,
  STREAM_KINDS,
} from '../../model/op.ts';
import type { FieldExpiry } from './hashes/field-expiries.ts';
import { libraryEffect } from './libraries/library-effect.ts';
import type { LiveOp } from './live-op.ts';
import type { StructuredClass } from './live-value.ts';
import { searchEffect } from './search/search-effect.ts';

/** Which kind of value a contribution belongs to. `opaque` covers every type without a rule, `search` is
 * what belongs to search indexes, `library` a library of functions: neither is the value of a key. */
export type ValueClass =
  | 'string'
  | 'hash'
  | 'set'
  | 'zset'
  | 'opaque'
  | 'search'
  | 'library'
  | StructuredClass;

/** One cell that an op names, and what it does there: assign, add to, or (none of them) remove. */
export interface CellEffect {
  /** Field or member; '' for values that are a single cell. Of a string '' is its text, other names are the
   * offsets of bits that lie on top of it. */
  readonly name: string;
  readonly assign?: string;
  readonly increment?: string;
  /** Assigned, but the value is only known to an engine that ran the command. */
  readonly unknown?: true;
}

export interface Effect {
  readonly valueClass: ValueClass | undefined;
  /** Removes every observed contribution of the key, not only those of `cells`. */
  readonly coversKey: boolean;
  /** Removes every observed contribution except those of these cells. */
  readonly retains: ReadonlySet<string> | undefined;
  readonly cells: readonly CellEffect[];
  /** Gives the key something that it had not. */
  readonly adds: boolean;
  /** Assigned expiry in ms since the epoch, Infinity for none; undefined: untouched. */
  readonly expiry: number | undefined;
  /** Assigned expiry of single fields. */
  readonly fieldExpiry?: FieldExpiry;
  /** Removes the observed expiry without assigning one. */
  readonly clearsExpiry: boolean;
}

/** One effect per cell: a command that names a cell twice leaves what it did last. */
function cellsOf(
  args: string[],
  from: number,
  step: number,
  build: (i: number) => CellEffect,
): CellEffect[] {
  const cells = new Map<string, CellEffect>();
  for (let i = from; i + step <= args.length; i += step) {
    const cell = build(i);
    cells.set(cell.name, cell);
  }
  return [...cells.values()];
}

function make(
  valueClass: ValueClass | undefined,
  cells: readonly CellEffect[],
  rest: Partial<Effect> = {},
): Effect {
  return {
    valueClass,
    coversKey: false,
    retains: undefined,
    cells,
    adds: cells.some((c) => c.assign !== undefined || c.increment !== undefined),
    expiry: undefined,
    clearsExpiry: false,
    ...rest,
  };
}

function integerDelta(args: string[]): string {
  const name = (args[0] as string).toUpperCase();
  if (name === 'INCR') return '1';
  if (name === 'DECR') return '-1';
  const delta = args[2] as string;
  if (name === 'DECRBY') return (-BigInt(delta)).toString();
  return BigInt(delta).toString();
}

function setEffect(args: string[]): Effect {
  const cells = [{ name: '', assign: args[2] as string }];
  const option = args[3];
  if (option === 'KEEPTTL') return make('string', cells, { coversKey: true });
  const expiry = option === 'PXAT' ? Number(args[4]) : Number.POSITIVE_INFINITY;
  return make('string', cells, { coversKey: true, expiry });
}

function bitEffect(args: string[]): Effect {
  return make('string', [{ name: args[2] as string, assign: args[3] as string }]);
}

function fieldIncrementEffect(args: string[]): Effect {
  const increment = BigInt(args[3] as string).toString();
  return make('hash', [{ name: args[2] as string, increment }]);
}

/** The fields come behind their number. */
function fieldExpiryEffect(args: string[]): Effect {
  const persists = (args[0] as string).toUpperCase() === 'HPERSIST';
  const value = persists ? Number.POSITIVE_INFINITY : Number(args[2]);
  const names = [...new Set(args.slice(persists ? 4 : 5))];
  return make('hash', [], { fieldExpiry: { names, value } });
}

function restoreEffect(args: string[]): Effect {
  const ttl = Number(args[2]);
  return make('opaque', [{ name: '', assign: args[3] as string }], {
    coversKey: true,
    expiry: ttl === 0 ? Number.POSITIVE_INFINITY : ttl,
  });
}

const UNKNOWN_EFFECT = make('opaque', [{ name: '', unknown: true }], { coversKey: true });

const NO_EFFECT = make(undefined, []);

/** Of kinds that write to a value of one class, on top of whatever else the key holds. */
const CLASS_OF_KIND: ReadonlyMap<OpKind, ValueClass> = new Map<OpKind, ValueClass>([
  [OpKind.incr, 'string'],
  [OpKind.incrFloat, 'string'],
  [OpKind.setbit, 'string'],
  [OpKind.hset, 'hash'],
  [OpKind.hincr, 'hash'],
  [OpKind.hdel, 'hash'],
  [OpKind.hexpire, 'hash'],
  [OpKind.sadd, 'set'],
  [OpKind.srem, 'set'],
  [OpKind.zadd, 'zset'],
  [OpKind.zincr, 'zset'],
  [OpKind.zrem, 'zset'],
  [OpKind.zretain, 'zset'],
  [OpKind.json, 'json'],
  ...[...LIST_KINDS].map((kind) => [kind, 'list'] as const),
  ...[...HYPERLOGLOG_KINDS].map((kind) => [kind, 'hyperloglog'] as const),
  ...[...STREAM_KINDS].map((kind) => [kind, 'stream'] as const),
]);

/** Kinds that write to a cell, on top of whatever else the key holds. */
export const CELL_KINDS: ReadonlySet<OpKind> = new Set(CLASS_OF_KIND.keys());

/** The class of the value on which an op builds, told without reading its command; undefined: it builds on none. */
export function classBuiltOn({ kind, flags, isUnknown }: LiveOp): ValueClass | undefined {
  return isUnknown || (flags & OpFlag.rounded) !== 0 ? undefined : classOfKind(kind);
}

/** Whether an engine refuses ops of a kind on values of a class. */
export function isRefusedOn(kind: OpKind, valueClass: ValueClass): boolean {
  return kind === OpKind.opaque || (classOfKind(kind) ?? valueClass) !== valueClass;
}

function classOfKind(kind: OpKind): ValueClass | undefined {
  return kind === OpKind.jsonReplace ? 'json' : CLASS_OF_KIND.get(kind);
}

/** Kinds that put elements into a list. */
const LIST_ADDITIONS: ReadonlySet<OpKind> = new Set([OpKind.rpush, OpKind.lpush, OpKind.linsertAt]);
const LIST_REMOVAL = make('list', []);
const LIST_ADDITION = make('list', [], { adds: true });
const JSON_CHANGE = make('json', []);
const JSON_ADDITION = make('json', [], { adds: true });
const JSON_DOCUMENT = make('json', [], { adds: true, expiry: Number.POSITIVE_INFINITY });
const UNION = make('hyperloglog', [], { adds: true });

/** Kinds that put something into a stream. */
const STREAM_ADDITIONS: ReadonlySet<OpKind> = new Set([OpKind.xadd, OpKind.xgroupCreate]);
const STREAM_CHANGE = make('stream', []);
const STREAM_ADDITION = make('stream', [], { adds: true });
const JSON_REMOVALS = new Set([
  'JSON.DEL',
  'JSON.FORGET',
  'JSON.ARRPOP',
  'JSON.ARRTRIM',
  'JSON.CLEAR',
]);

function jsonEffect(kind: OpKind, args: readonly string[]): Effect {
  if (kind === OpKind.jsonReplace) return JSON_DOCUMENT;
  return JSON_REMOVALS.has((args[0] as string).toUpperCase()) ? JSON_CHANGE : JSON_ADDITION;
}

/** Decodes the effect of an op. What is no write has none. */
export function effectOf(op: LiveOp): Effect {
  if (!isWrite(op.kind)) return NO_EFFECT;
  if (op.isUnknown) return UNKNOWN_EFFECT;
  return (op.flags & OpFlag.rounded) !== 0 ? NO_EFFECT : commandEffect(op);
}

/** The effect on a value with a structure of its own, which reads the command itself. */
function structuredEffect(kind: OpKind): Effect | undefined {
  if (LIST_KINDS.has(kind)) return LIST_ADDITIONS.has(kind) ? LIST_ADDITION : LIST_REMOVAL;
  if (HYPERLOGLOG_KINDS.has(kind)) return UNION;
  if (!STREAM_KINDS.has(kind)) return undefined;
  return STREAM_ADDITIONS.has(kind) ? STREAM_ADDITION : STREAM_CHANGE;
}

/** What the op's command does, whatever the op counts as. */
export function commandEffect(op: LiveOp): Effect {
  const structured = structuredEffect(op.kind);
  if (structured !== undefined) return structured;
  const args = op.args();
  if (op.kind === OpKind.libraries) return libraryEffect(args);
  if (JSON_KINDS.has(op.kind)) return jsonEffect(op.kind, args);
  if (isOutsideKind(op.kind)) return searchEffect(op.kind, args);
  switch (op.kind) {
    case OpKind.del:
      return make(undefined, [], { coversKey: true, clearsExpiry: true });
    case OpKind.set:
      return setEffect(args);
    case OpKind.incr:
      return make('string', [{ name: '', increment: integerDelta(args) }]);
    case OpKind.incrFloat:
      return make('string', [{ name: '', increment: args[2] as string }]);
    case OpKind.setbit:
      return bitEffect(args);
    case OpKind.hset:
      return make(
        'hash',
        cellsOf(args, 2, 2, (i) => ({ name: args[i] as string, assign: args[i + 1] as string })),
      );
    case OpKind.hincr:
      return fieldIncrementEffect(args);
    case OpKind.hdel:
      return make(
        'hash',
        cellsOf(args, 2, 1, (i) => ({ name: args[i] as string })),
      );
    case OpKind.hexpire:
      return fieldExpiryEffect(args);
    case OpKind.sadd:
      return make(
        'set',
        cellsOf(args, 2, 1, (i) => ({ name: args[i] as string, assign: '' })),
      );
    case OpKind.srem:
      return make(
        'set',
        cellsOf(args, 2, 1, (i) => ({ name: args[i] as string })),
      );
    case OpKind.zadd:
      return make(
        'zset',
        cellsOf(args, 2, 2, (i) => ({ name: args[i + 1] as string, assign: args[i] as string })),
      );
    case OpKind.zincr:
      return make('zset', [{ name: args[3] as string, increment: args[2] as string }]);
    case OpKind.zrem:
      return make(
        'zset',
        cellsOf(args, 2, 1, (i) => ({ name: args[i] as string })),
      );
    case OpKind.zretain:
      return make('zset', [], { retains: new Set(args.slice(2)) });
    case OpKind.expire:
      return make(undefined, [], {
        expiry: args.length > 2 ? Number(args[2]) : Number.POSITIVE_INFINITY,
      });
    case OpKind.opaque:
      return UNKNOWN_EFFECT;
    case OpKind.restore:
      return restoreEffect(args);
    default:
      throw new Error(`an op of kind ${op.kind} has no effect of its own`);
  }
}
