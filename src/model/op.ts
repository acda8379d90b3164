// An op is one write to one key in conflict-free form: a kind, a key, and a command ("raw") in RESP that any
// engine can run as it stands when nothing concurrent is alive on that key.

import type { Timestamp } from './clock.ts';
import type { ReplicaId, Slot, VersionVector } from './version-vector.ts';

/** What an op does to the cells of its key. The numbers travel and are stored: never reuse one. */
export const OpKind = {
  /** DEL key [n]: removes everything observed. It was a list of n elements, if n is given. */
  del: 1,
  /** SET key value [KEEPTTL | PXAT ms]: assigns the string. */
  set: 2,
  /** INCR, DECR, INCRBY, DECRBY: adds an integer to the string. */
  incr: 3,
  /** INCRBYFLOAT key delta. */
  incrFloat: 4,
  /** HSET key field value ... */
  hset: 5,
  /** HINCRBY key field delta. */
  hincr: 6,
  /** HDEL key field ... */
  hdel: 7,
  /** SADD key member ... */
  sadd: 8,
  /** SREM key member ... */
  srem: 9,
  /** ZADD key score member ... without flags. */
  zadd: 10,
  /** ZINCRBY key delta member. */
  zincr: 11,
  /** ZREM key member ... */
  zrem: 12,
  /** ZRETAIN key member ...: removes every observed member except these. Not an engine command. */
  zretain: 13,
  /** PEXPIREAT key ms, or PERSIST key. */
  expire: 14,
  /** A command without a rule of its own: verbatim, or the newest writer's whole value. */
  opaque: 15,
  /** RESTORE key ttl dump REPLACE ABSTTL: assigns a whole value of any type. */
  restore: 16,
  /** PUBLISH or SPUBLISH: a message, not a write. */
  publish: 17,
  /** RPUSH key value ... */
  rpush: 18,
  /** LPUSH key value ... */
  lpush: 19,
  /** LPOP key [count]: so many were there, but for OpFlag.asGiven. */
  lpop: 20,
  /** RPOP key [count]: likewise. */
  rpop: 21,
  /** LTRIM key h -(t+1): removes h elements at the head and t at the tail; likewise. */
  ltrim: 22,
  /** LSET key index value. */
  lset: 23,
  /** LREMAT key index ...: removes the elements at these places. Not an engine command. */
  lremAt: 24,
  /** LINSERTAT key BEFORE|AFTER index value. Not an engine command. */
  linsertAt: 25,
  /** XADD key id field value ... */
  xadd: 30,
  /** XDEL key id ... */
  xdel: 31,
  /** XTRIM key MINID = id: removes the observed entries below. XTRIMBUT key id id ...: all of them but these;
   * not an engine command. */
  xtrim: 32,
  /** XSETID key id ... */
  xsetid: 33,
  /** XGROUP CREATE key group id ... */
  xgroupCreate: 34,
  /** XGROUP DESTROY key group */
  xgroupDestroy: 35,
  /** XDONE key group id: of what was observed, the group is done with everything up to there. Not an
   * engine command. */
  xdone: 36,
  /** PFADD key element ... */
  pfadd: 40,
  /** PFMERGE key value: the registers of this value are in it. Not the engine's PFMERGE. */
  pfmerge: 41,
  /** SETBIT key offset bit. */
  setbit: 42,
  /** HPEXPIREAT key ms FIELDS n field ..., or HPERSIST key FIELDS n field ... */
  hexpire: 43,
  /** LIBRARIES functions LOAD|DELETE|FLUSH ...: libraries of functions. Not an engine command. */
  libraries: 44,
  /** FT.CREATE, FT.ALTER, FT.SYNUPDATE, FT.DROPINDEX, FT.DROP index ...: a search index. */
  ftIndex: 50,
  /** FT.ALIASUPDATE alias index, FT.ALIASDEL alias. */
  ftAlias: 51,
  /** FT.DICTADD or FT.DICTDEL dictionary term ... */
  ftDictionary: 52,
  /** FTDOCUMENT name ...: which document of an index is in it, and how. Not an engine command. */
  ftDocument: 53,
  /** JSON.SET, JSON.DEL, JSON.NUMINCRBY, JSON.ARRAPPEND, JSON.ARRINSERT, JSON.ARRPOP, JSON.ARRTRIM, JSON.CLEAR key
   * path ..., where the path names one place; JSONADD key path delta result, which is not an engine command. */
  json: 54,
  /** JSON.SET key $ value in an engine where that ends the expiry. */
  jsonReplace: 55,
  /** Nothing: an op whose key a later one of its origin has assigned anew, and that nobody needs any more. It was taken
   * out of the log; only its sequence, its timestamp and OpFlag.endOfUnit are left. */
  superseded: 56,
} as const;
export type OpKind = (typeof OpKind)[keyof typeof OpKind];

export const OP_KIND_MAX = 59;

/** Kinds that write to a list. Places count as the origin saw them: from 0 at the head, from -1 at the tail. */
export const LIST_KINDS: ReadonlySet<OpKind> = new Set([
  OpKind.rpush,
  OpKind.lpush,
  OpKind.lpop,
  OpKind.rpop,
  OpKind.ltrim,
  OpKind.lset,
  OpKind.lremAt,
  OpKind.linsertAt,
]);

/** Kinds that add to a HyperLogLog. */
export const HYPERLOGLOG_KINDS: ReadonlySet<OpKind> = new Set([OpKind.pfadd, OpKind.pfmerge]);
/** Kinds that write to a stream. */
export const STREAM_KINDS: ReadonlySet<OpKind> = new Set([
  OpKind.xadd,
  OpKind.xdel,
  OpKind.xtrim,
  OpKind.xsetid,
  OpKind.xgroupCreate,
  OpKind.xgroupDestroy,
  OpKind.xdone,
]);

/** Kinds that write to a JSON document. */
export const JSON_KINDS: ReadonlySet<OpKind> = new Set([OpKind.json, OpKind.jsonReplace]);

/** Whether ops of a kind write to anything. */
export function isWrite(kind: OpKind): boolean {
  return kind !== OpKind.publish && kind !== OpKind.superseded;
}

/** Whether ops of a kind write to what is no key: an index, an alias, a dictionary, functions. They need no WATCH, which
 * knows keys only, and what they name may have the name of a key. */
export function isOutsideKind(kind: OpKind): boolean {
  return (kind >= OpKind.ftIndex && kind <= OpKind.ftDocument) || kind === OpKind.libraries;
}

/** What an op writes to, as the live index names it: its key, or a name that no key can have, because keys
 * are bytes and this begins with a character that is none. */
export function indexName(kind: OpKind, name: string): string {
  return isOutsideKind(kind)
    ? `${String.fromCharCode(0x2460 + kind - OpKind.ftIndex)}${name}`
    : name;
}

export function isOutsideKeyspace(name: string): boolean {
  return name.charCodeAt(0) > 0xff;
}

/** Bits of an op's flags. */
export const OpFlag = {
  /** The op is the last of its unit (a transaction or a single write): units are applied whole. */
  endOfUnit: 1,
  /** DEL: the same unit writes the key anew, so neither a concurrent expiry change protects the old
   * value nor is its time to live kept. */
  replaced: 2,
  /** A write to a cell of a value that only its writers know (opaque, not yet stable): it counts as
   * such a write itself. */
  onOpaque: 4,
  /** ZRETAIN: the key had another type by the time its members were read, and that one stays. */
  otherType: 8,
  /** A sum as its newest writer sees it. Sums of doubles depend on their order; this makes them equal where
   * nothing else is concurrent, and means nothing elsewhere. It is no assign: it must not swallow increments. */
  rounded: 16,
  /** LPOP, RPOP, LTRIM: the numbers are the client's; nobody at the origin knew how long the list was. */
  asGiven: 32,
  /** DEL: nobody said that the key is to go. It was moved, or is written anew as a whole. A HyperLogLog then
   * keeps what this had not observed. */
  makesWay: 64,
  /** PEXPIREAT, PERSIST: the expiry as it is, after concurrent ops. Nobody wanted the key to live longer: it is not
   * protected from a removal. */
  restated: 32,
  /** XADD: an entry of a value that was shipped whole. Two members may have shipped the same one. */
  ofWhole: 32,
  /** XADD, XTRIM: the command cut the stream as well. How far follows in a moment, as an XTRIM that says more
   * than 0-0 and has this flag too. */
  cuts: 64,
} as const;

/** Where an op is in the group's history, and whether others had been observed by it. */
export interface Stamp {
  readonly origin: Slot;
  readonly seq: number;
  readonly timestamp: Timestamp;
  readonly deps: VersionVector;
}

/** Whether the op stamped `later` had observed the op stamped `earlier`. */
export function observed(later: Stamp, earlier: Pick<Stamp, 'origin' | 'seq'>): boolean {
  return earlier.origin === later.origin
    ? earlier.seq < later.seq
    : earlier.seq <= (later.deps[earlier.origin] as number);
}

/** A dot: an op's identity across the group. */
export type Dot = { readonly replica: ReplicaId; readonly seq: number };
