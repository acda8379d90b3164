// One key of each type that is written in several regions at once: with which commands, what is in it
// before, and how its value is read so that regions can be compared. The commands of a type touch few
// enough cells that regions meet on them, and add as much as they remove, so that the value does not grow
// with the number of writes (but for the stream).

import type { Share, Workload } from './command-source.ts';

export interface HotKey {
  /** As in the report. */
  readonly title: string;
  readonly workload: Workload;
  /** Written in one region before the others begin. */
  readonly fill?: (key: string) => readonly string[];
  readonly read: (key: string) => readonly string[];
  /** How many values of the reply belong together, for replies in no order; without it they are in order. */
  readonly unorderedBy?: number;
}

const FIELDS = 1000;
const MEMBERS = 2000;
const BITS = 10_000;
/** Elements in the queue from the beginning: pops find something. */
const WAITING = 1000;

function share(weight: number, command: Share['command']): Share {
  return { weight, command };
}

export const HOT_KEYS = {
  hotCounter: {
    title: 'string counter',
    workload: [share(1, (draw) => ['INCR', draw.anyKey()])],
    read: (key) => ['GET', key],
  },
  hotHash: {
    title: 'hash',
    workload: [
      share(4, (draw) => ['HSET', draw.anyKey(), `f${draw.below(FIELDS)}`, String(draw.index)]),
      share(1, (draw) => ['HDEL', draw.anyKey(), `f${draw.below(FIELDS)}`]),
    ],
    read: (key) => ['HGETALL', key],
    unorderedBy: 2,
  },
  hotSet: {
    title: 'set',
    workload: [
      share(1, (draw) => ['SADD', draw.anyKey(), `m${draw.below(MEMBERS)}`]),
      share(1, (draw) => ['SREM', draw.anyKey(), `m${draw.below(MEMBERS)}`]),
    ],
    read: (key) => ['SMEMBERS', key],
    unorderedBy: 1,
  },
  hotSortedSet: {
    title: 'sorted set',
    workload: [
      share(2, (draw) => {
        const score = String(draw.below(1_000_000));
        return ['ZADD', draw.anyKey(), score, `m${draw.below(MEMBERS)}`];
      }),
      share(2, (draw) => ['ZINCRBY', draw.anyKey(), '1', `m${draw.below(MEMBERS)}`]),
      share(1, (draw) => ['ZREM', draw.anyKey(), `m${draw.below(MEMBERS)}`]),
    ],
    read: (key) => ['ZRANGE', key, '0', '-1', 'WITHSCORES'],
  },
  hotQueue: {
    title: 'list as a queue',
    workload: [
      share(1, (draw) => ['RPUSH', draw.anyKey(), `job:${draw.index}`]),
      share(1, (draw) => ['LPOP', draw.anyKey()]),
    ],
    fill: (key) => ['RPUSH', key, ...Array.from({ length: WAITING }, (_, i) => `waiting:${i}`)],
    read: (key) => ['LRANGE', key, '0', '-1'],
  },
  hotStream: {
    title: 'stream',
    workload: [share(1, (draw) => ['XADD', draw.anyKey(), '*', 'field', String(draw.index)])],
    read: (key) => ['XRANGE', key, '-', '+'],
  },
  hotHyperLogLog: {
    title: 'HyperLogLog',
    workload: [share(1, (draw) => ['PFADD', draw.anyKey(), `v${draw.below(1e12)}`])],
    // Equal sketches may be encoded in different bytes; what they count is then still the same.
    read: (key) => ['PFCOUNT', key],
  },
  hotBitmap: {
    title: 'bitmap',
    workload: [
      share(1, (draw) => [
        'SETBIT',
        draw.anyKey(),
        String(draw.below(BITS)),
        String(draw.below(2)),
      ]),
    ],
    read: (key) => ['GET', key],
  },
} as const satisfies Readonly<Record<string, HotKey>>;

export type HotKeyName = keyof typeof HOT_KEYS;

export const HOT_KEY_NAMES = Object.keys(HOT_KEYS) as HotKeyName[];
