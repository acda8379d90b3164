// What clients do in a simulated world: random writes of every kind that has a merge rule, few keys and
// members so that regions meet, and some keys whose outcome is known because nobody disturbs them.

import { JSON_WRITERS, OnlyAdded } from './json-workload.ts';
import type { Random } from './random.ts';

/** Commands that a client sends as one transaction; one command goes alone. */
export type Write = readonly (readonly string[])[];

export interface WorkloadOptions {
  readonly keys: number;
  /** Probability that a write goes to a key of any type. */
  readonly mixTypes: number;
  readonly floats: boolean;
  readonly expiry: boolean;
  readonly opaque: boolean;
}

type Writer = (key: string, random: Random, nowMs: number) => string[];

const MEMBERS = ['a', 'b', 'c', 'd'];
const member = (random: Random): string => random.pick(MEMBERS);
const members = (random: Random): string[] =>
  MEMBERS.filter(() => random.chance(0.4)).concat(member(random));
const value = (random: Random): string => String(random.below(50));
const far = (now: number, random: Random): string =>
  String(Math.floor(now) + 2_000_000 + random.below(2_000_000));
const soon = (now: number, random: Random): string =>
  String(Math.floor(now) + 20 + random.below(300));
const element = (random: Random): string => `e${random.below(60)}`;
const delta = (random: Random): string => String(random.below(21) - 10);

const STRING: Writer[] = [
  (key, r) => ['SET', key, value(r)],
  (key, r) => ['SET', key, value(r), 'NX'],
  (key, r) => ['SET', key, value(r), 'XX', 'KEEPTTL'],
  (key) => ['INCR', key],
  (key, r) => ['INCRBY', key, delta(r)],
  (key, r) => ['DECRBY', key, delta(r)],
  (key, r) => ['GETSET', key, value(r)],
  (key) => ['GETDEL', key],
];
const FLOAT: Writer[] = [
  (key, r) => ['INCRBYFLOAT', key, r.pick(['0.5', '97.3', '-2', '0.1'])],
  (key, r) => ['INCRBYFLOAT', key, r.pick(['3', '0.75'])],
];
const OPAQUE: Writer[] = [
  (key, r) => ['APPEND', key, value(r)],
  (key, r) => ['SETRANGE', key, String(r.below(4)), value(r)],
];
const bitAt = (random: Random): string => String(random.below(24));
const BITMAP: Writer[] = [
  (key, r) => ['SETBIT', key, bitAt(r), '1'],
  (key, r) => ['SETBIT', key, bitAt(r), r.pick(['0', '1'])],
  (key, r) => ['SET', key, value(r)],
  (key, r) => ['BITOP', r.pick(['AND', 'OR', 'XOR']), key, `b${r.below(3)}`, `s${r.below(3)}`],
  (key) => ['BITOP', 'NOT', key, key],
  (key, r) => ['COPY', `b${r.below(3)}`, key, 'REPLACE'],
];
const FIELDS: Writer[] = [
  (key, r) => ['BITFIELD', key, 'INCRBY', 'u4', bitAt(r), String(r.below(5))],
  (key, r) => ['BITFIELD', key, 'SET', 'u8', '#1', value(r)],
  (key, r) => ['APPEND', key, value(r)],
];
const LIST: Writer[] = [
  (key, r) => ['RPUSH', key, value(r)],
  (key, r) => ['LPUSH', key, value(r)],
  (key, r) => ['RPUSH', key, value(r), value(r), value(r)],
  (key, r) => ['LPUSHX', key, value(r), value(r)],
  (key, r) => ['RPUSHX', key, value(r)],
  (key) => ['LPOP', key],
  (key) => ['RPOP', key],
  (key, r) => [r.pick(['LPOP', 'RPOP']), key, String(1 + r.below(4))],
  (key, r) => ['LTRIM', key, String(r.below(3)), String(r.below(8) - 3)],
  (key, r) => ['LSET', key, String(r.below(5) - 2), value(r)],
  (key, r) => ['LREM', key, String(r.below(5) - 2), value(r)],
  (key, r) => ['LINSERT', key, r.pick(['BEFORE', 'AFTER']), value(r), value(r)],
];
const STREAM_IDS = ['1-1', '1-2', '2-1', '3-1', '4-4'];
const streamId = (random: Random): string => random.pick(STREAM_IDS);
const group = (random: Random): string => random.pick(['g', 'h']);
const STREAM: Writer[] = [
  (key, r) => ['XADD', key, streamId(r), 'f', value(r)],
  (key, r) => ['XADD', key, r.pick(['1-*', '2-*', '4-*']), 'f', value(r), 'g', value(r)],
  (key, r) => ['XADD', key, r.pick(['*', '5-*', '4-*']), 'f', value(r)],
  (key, r) => ['XADD', key, 'NOMKSTREAM', '5-*', 'f', value(r)],
  (key, r) => ['XADD', key, 'MAXLEN', r.pick(['=', '~']), String(r.below(5)), '5-*', 'f', value(r)],
  (key, r) => ['XADD', key, 'MINID', '=', streamId(r), '5-*', 'f', value(r)],
  (key, r) => ['XDEL', key, streamId(r), r.pick(['1-0', '1-3', '2-2', '4-5', '5-0', '5-1', '5-2'])],
  (key, r) => ['XTRIM', key, 'MAXLEN', String(r.below(4))],
  (key, r) => ['XTRIM', key, 'MINID', r.pick(['=', '~']), streamId(r)],
  (key, r) => ['XSETID', key, r.pick(['3-3', '4-9', '5-1', '5-9'])],
  (key, r) => ['XGROUP', 'CREATE', key, group(r), r.pick(['0', '$', '2-1']), 'MKSTREAM'],
  (key, r) => ['XGROUP', 'CREATE', key, group(r), '$'],
  (key, r) => ['XGROUP', 'DESTROY', key, group(r)],
  (key, r) => ['XREADGROUP', 'GROUP', group(r), 'c', 'COUNT', '2', 'STREAMS', key, '>'],
  (key, r) => ['XREADGROUP', 'GROUP', group(r), 'c', 'NOACK', 'STREAMS', key, '>'],
  (key, r) => ['XACK', key, group(r), streamId(r), '5-0', '5-1'],
  (key, r) => ['XAUTOCLAIM', key, group(r), 'd', '0', '0'],
];
const HASH: Writer[] = [
  (key, r) => ['HSET', key, member(r), value(r)],
  (key, r) => ['HSET', key, member(r), value(r), member(r), value(r)],
  (key, r) => ['HSETNX', key, member(r), value(r)],
  (key, r) => ['HINCRBY', key, member(r), delta(r)],
  (key, r) => ['HINCRBY', key, member(r), '1'],
  (key, r) => ['HDEL', key, ...members(r)],
];
const FIELD_EXPIRY: Writer[] = [
  (key, r, now) => ['HPEXPIREAT', key, far(now, r), 'FIELDS', '1', member(r)],
  (key, r, now) => ['HPEXPIREAT', key, far(now, r), r.pick(['NX', 'GT']), 'FIELDS', '2', 'a', 'b'],
  (key, r, now) => ['HPEXPIREAT', key, soon(now, r), 'FIELDS', '1', member(r)],
  (key, r) => ['HPERSIST', key, 'FIELDS', '1', member(r)],
];
const SET: Writer[] = [
  (key, r) => ['SADD', key, ...members(r)],
  (key, r) => ['SADD', key, member(r)],
  (key, r) => ['SREM', key, ...members(r)],
  (key) => ['SPOP', key],
  (key) => ['SPOP', key, '2'],
];
const ZSET: Writer[] = [
  (key, r) => ['ZADD', key, value(r), member(r)],
  (key, r) => ['ZADD', key, r.pick(['NX', 'XX', 'GT', 'LT']), value(r), member(r)],
  (key, r) => ['ZADD', key, 'GT', value(r), 'a', value(r), 'b'],
  (key, r) => ['ZADD', key, 'INCR', delta(r), member(r)],
  (key, r) => ['ZINCRBY', key, delta(r), member(r)],
  (key, r) => ['ZREM', key, ...members(r)],
  (key) => ['ZPOPMIN', key],
  (key) => ['ZPOPMAX', key, '2'],
  (key) => ['ZREMRANGEBYRANK', key, '0', '-3'],
  (key, r) => ['ZREMRANGEBYSCORE', key, '(10', value(r)],
];
const EXPIRY: Writer[] = [
  (key, r, now) => ['PEXPIREAT', key, String(Math.floor(now) + 50 + r.below(2_000_000))],
  (key, r, now) => ['PEXPIREAT', key, String(Math.floor(now) + 20 + r.below(300))],
  (key) => ['PERSIST', key],
  (key, r, now) => ['SET', key, value(r), 'PXAT', String(Math.floor(now) + 30 + r.below(500))],
];

const HYPERLOGLOG: Writer[] = [
  (key, r) => ['PFADD', key, element(r)],
  (key, r) => ['PFADD', key, element(r), element(r), element(r)],
  (key) => ['PFADD', key],
  (key) => ['PFCOUNT', key],
  (key, r) => ['PFMERGE', key, `p${r.below(3)}`, `p${r.below(3)}`],
  (key, r) => ['PFMERGE', `p${r.below(3)}`, key],
];

const TYPES: Record<string, Writer[]> = {
  s: STRING,
  h: HASH,
  m: SET,
  z: ZSET,
  l: LIST,
  p: HYPERLOGLOG,
  b: BITMAP,
  t: STREAM,
  j: JSON_WRITERS,
};

/** Types that are strings to the engine. */
const STRING_TYPES = ['s', 'b', 'p'];

export class Workload {
  readonly #options: WorkloadOptions;
  readonly #random: Random;
  #unique = 0;
  /** Takes back what the last write promised: it is lost. */
  forgetLast: () => void = () => {};
  /** Per counter that only increments touch: what was added in all. */
  readonly counters = new Map<string, number>();
  /** Per set that only adds touch: all its members. */
  readonly sets = new Map<string, Set<string>>();
  /** A list to which every region pushes and from which every region pops: what was pushed, and popped. */
  readonly queue = { key: 'only-queue', pushed: new Set<string>(), popped: new Set<string>() };
  /** A list to which every region pushes, and from which nobody pops. */
  readonly pile = { key: 'only-pushes', pushed: new Set<string>() };
  /** Per stream that only adds touch: the values of all its entries. */
  readonly streams = new Map<string, Set<string>>();

  readonly document = new OnlyAdded();
  /** A bitmap in which bits are only set, and a HyperLogLog that is only added to. */
  readonly flags = { key: 'only-setbit', set: new Set<number>() };
  /** How often each bit was set, and each element popped. */
  readonly #flagged = new Map<number, number>();
  readonly #popped = new Map<string, number>();
  readonly seen = { key: 'only-pfadd', added: new Set<string>() };
  /** What was published on this channel. */
  readonly news = { channel: 'news', messages: new Set<string>() };

  constructor(random: Random, options: WorkloadOptions) {
    this.#random = random;
    this.#options = options;
  }

  next(nowMs: number): Write {
    const random = this.#random;
    this.forgetLast = () => {};
    if (random.chance(0.15)) return [this.#undisturbed()];
    if (random.chance(0.12)) {
      return Array.from({ length: 2 + random.below(3) }, () =>
        random.chance(0.15) ? this.#message() : this.#one(nowMs),
      );
    }
    if (random.chance(0.03)) return [this.#message()];
    return [this.#one(nowMs)];
  }

  #message(): string[] {
    const { channel, messages } = this.news;
    const message = `u${this.#unique++}`;
    messages.add(message);
    const forgetOthers = this.forgetLast;
    this.forgetLast = () => {
      messages.delete(message);
      forgetOthers();
    };
    return [this.#random.pick(['PUBLISH', 'SPUBLISH']), channel, message];
  }

  #undisturbed(): string[] {
    const random = this.#random;
    if (random.chance(0.3)) {
      const key = 'only-adds';
      const added = `u${this.#unique++}`;
      getOrMake(this.sets, key, () => new Set<string>()).add(added);
      this.forgetLast = () => this.sets.get(key)?.delete(added);
      return ['SADD', key, added];
    }
    if (random.chance(0.3)) {
      const key = 'only-xadd';
      const added = `u${this.#unique++}`;
      getOrMake(this.streams, key, () => new Set<string>()).add(added);
      this.forgetLast = () => this.streams.get(key)?.delete(added);
      return ['XADD', key, random.pick(['*', '*', '9999999999999-*']), 'f', added];
    }
    if (random.chance(0.2)) {
      const write = this.document.next(random, this.#unique++);
      this.forgetLast = this.document.forgetLast;
      return write;
    }
    if (random.chance(0.5)) return this.#undisturbedList();
    if (random.chance(0.4)) return this.#undisturbedString();
    const key = random.pick(['only-incr', 'only-hincr', 'only-zincr']);
    const by = random.below(9) - 3;
    const add = (delta: number) => {
      this.counters.set(key, (this.counters.get(key) ?? 0) + delta);
    };
    add(by);
    this.forgetLast = () => add(-by);
    if (key === 'only-incr') return ['INCRBY', key, String(by)];
    if (key === 'only-hincr') return ['HINCRBY', key, 'f', String(by)];
    return ['ZINCRBY', key, String(by), 'm'];
  }

  #undisturbedString(): string[] {
    if (this.#random.chance(0.5)) {
      const offset = this.#random.below(500);
      const times = (this.#flagged.get(offset) ?? 0) + 1;
      this.#flagged.set(offset, times);
      this.flags.set.add(offset);
      this.forgetLast = () => this.#forgetFlag(offset);
      return ['SETBIT', this.flags.key, String(offset), '1'];
    }
    const added = `u${this.#unique++}`;
    this.seen.added.add(added);
    this.forgetLast = () => this.seen.added.delete(added);
    return ['PFADD', this.seen.key, added];
  }

  #forgetFlag(offset: number): void {
    const times = (this.#flagged.get(offset) ?? 0) - 1;
    this.#flagged.set(offset, times);
    if (times === 0) this.flags.set.delete(offset);
  }

  /** A pop was answered with this; one element may be popped in two regions. Returns what takes it back. */
  notePopped(element: string): () => void {
    const { popped } = this.queue;
    const count = (by: number): number => {
      const times = (this.#popped.get(element) ?? 0) + by;
      this.#popped.set(element, times);
      return times;
    };
    count(1);
    popped.add(element);
    return () => {
      if (count(-1) === 0) popped.delete(element);
    };
  }

  #undisturbedList(): string[] {
    const random = this.#random;
    const push = random.pick(['LPUSH', 'RPUSH']);
    const added = [`u${this.#unique++}`, `u${this.#unique++}`].slice(random.below(2));
    if (random.chance(0.3)) {
      for (const one of added) this.pile.pushed.add(one);
      this.forgetLast = () => {
        for (const one of added) this.pile.pushed.delete(one);
      };
      return [push, this.pile.key, ...added];
    }
    const { key } = this.queue;
    if (random.chance(0.5)) return [random.pick(['LPOP', 'RPOP']), key];
    for (const one of added) this.queue.pushed.add(one);
    this.forgetLast = () => {
      for (const one of added) this.queue.pushed.delete(one);
    };
    return [push, key, ...added];
  }

  #one(nowMs: number): string[] {
    const random = this.#random;
    const type = random.pick(Object.keys(TYPES));
    const mixed = random.chance(this.#options.mixTypes);
    const key = mixed ? `x${random.below(2)}` : `${type}${random.below(this.#options.keys)}`;
    if (random.chance(0.06)) return [random.pick(['DEL', 'UNLINK']), key];
    if (random.chance(0.04)) return this.#move(type, key);
    if (this.#options.expiry && random.chance(0.1)) {
      const write = random.pick(EXPIRY)(key, random, nowMs);
      if (write[0] !== 'SET' || type === 's') return write;
    }
    return random.pick(this.#writersOf(type))(key, random, nowMs);
  }

  #writersOf(type: string): Writer[] {
    if (type === 'h' && this.#options.expiry) return [...HASH, ...FIELD_EXPIRY];
    if (type === 'b' && this.#options.opaque) return [...BITMAP, ...FIELDS];
    if (type !== 's') return TYPES[type] as Writer[];
    const writers = [...STRING];
    if (this.#options.floats) writers.push(...FLOAT);
    if (this.#options.opaque) writers.push(...OPAQUE);
    return writers;
  }

  #move(type: string, key: string): string[] {
    const random = this.#random;
    const otherType = STRING_TYPES.includes(type) ? random.pick(STRING_TYPES) : type;
    const other = `${otherType}${random.below(this.#options.keys)}`;
    const moves = [
      ['RENAME', key, other],
      ['COPY', key, other, 'REPLACE'],
      ['MSET', `s${random.below(2)}`, value(random), `s${random.below(2)}`, value(random)],
    ];
    if (type === 'm') moves.push(['SUNIONSTORE', other, key, 'm0'], ['SMOVE', key, other, 'a']);
    if (type === 'l') {
      const [from, to] = [random.pick(['LEFT', 'RIGHT']), random.pick(['LEFT', 'RIGHT'])];
      moves.push(['LMOVE', key, other, from, to], ['RPOPLPUSH', key, other]);
    }
    if (type === 'z') moves.push(['ZRANGESTORE', other, key, '0', '1']);
    return random.pick(moves) as string[];
  }
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let found = map.get(key);
  if (found === undefined) {
    found = make();
    map.set(key, found);
  }
  return found;
}
