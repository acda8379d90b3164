// What the load generator can write. Tables: a workload is the kinds of its commands with their shares.

import type { Draw, Share, Workload } from './command-source.ts';
import { HOT_KEYS } from './hot-keys.ts';

/** Elements of each command that builds a long list. */
export const PUSHED_AT_ONCE = 100;
/** About so many entries stay in a stream that is trimmed as it grows. */
export const STREAM_ENTRIES = 10_000;

function only(command: Share['command']): Workload {
  return [{ weight: 1, command }];
}

/** One of `count` keys of a kind. */
function one(draw: Draw, kind: string, count: number): string {
  return `${draw.prefix}${kind}:${draw.below(count)}`;
}

/**
 * The writes of a typical application, in percent: a cache of strings that are set and invalidated,
 * sessions in hashes that expire, counters, tags, a ranking, job queues, and logs of events. As many
 * jobs are taken as are put, so queues stay short.
 */
const MIXED: Readonly<Record<string, Share>> = {
  SET: {
    weight: 40,
    command: (draw) => ['SET', one(draw, 'cache', 20_000), draw.value],
  },
  INCR: {
    weight: 12,
    command: (draw) => ['INCR', one(draw, 'counter', 1000)],
  },
  HSET: {
    weight: 15,
    command: (draw) => ['HSET', one(draw, 'session', 5000), `f${draw.below(20)}`, draw.value],
  },
  SADD: {
    weight: 6,
    command: (draw) => ['SADD', one(draw, 'tags', 1000), `member:${draw.below(100_000)}`],
  },
  ZADD: {
    weight: 6,
    command: (draw) => [
      'ZADD',
      one(draw, 'ranking', 10),
      String(draw.below(1_000_000)),
      `member:${draw.below(10_000)}`,
    ],
  },
  LPUSH: {
    weight: 5,
    command: (draw) => ['LPUSH', one(draw, 'queue', 10), draw.value],
  },
  RPOP: {
    weight: 5,
    command: (draw) => ['RPOP', one(draw, 'queue', 10)],
  },
  XADD: {
    weight: 3,
    command: (draw) => [
      'XADD',
      one(draw, 'events', 10),
      'MAXLEN',
      '~',
      String(STREAM_ENTRIES),
      '*',
      'event',
      draw.value,
    ],
  },
  DEL: {
    weight: 3,
    command: (draw) => ['DEL', one(draw, 'cache', 20_000)],
  },
  EXPIRE: {
    weight: 5,
    command: (draw) => ['EXPIRE', one(draw, 'session', 5000), '3600'],
  },
};

/** What a key of the outage holds, by its number: a string, a counter, a hash of four fields, a set of up to eight. */
const OUTAGE: readonly ((draw: Draw, key: string) => readonly string[])[] = [
  (draw, key) => ['SET', key, draw.value],
  (_, key) => ['INCR', key],
  (draw, key) => ['HSET', key, `f${draw.below(4)}`, draw.value],
  (draw, key) => [draw.below(2) === 0 ? 'SADD' : 'SREM', key, `member:${draw.below(8)}`],
];

/** All that the key is going to hold, or nearly. */
const OUTAGE_FILL: readonly ((draw: Draw, key: string) => readonly string[])[] = [
  (draw, key) => ['SET', key, draw.value],
  (_, key) => ['INCRBY', key, '1000000'],
  (draw, key) => ['HSET', key, ...[0, 1, 2, 3].flatMap((i) => [`f${i}`, draw.value])],
  (_, key) => ['SADD', key, ...Array.from({ length: 8 }, (_, i) => `member:${i}`)],
];

function byNumber(kinds: typeof OUTAGE, draw: Draw, key: string): readonly string[] {
  const kind = kinds[Number(key.slice(-3)) % kinds.length];
  return kind === undefined ? [] : kind(draw, key);
}

const PLAIN = {
  outageFill: only((draw) => byNumber(OUTAGE_FILL, draw, draw.nextKey())),
  outage: only((draw) => byNumber(OUTAGE, draw, draw.anyKey())),
  /** Each key in turn. */
  set: only((draw) => ['SET', draw.nextKey(), draw.value]),
  setRandom: only((draw) => ['SET', draw.anyKey(), draw.value]),
  unlink: only((draw) => ['UNLINK', draw.nextKey()]),
  /** What is put at one end is taken at the other. */
  queue: [
    { weight: 1, command: (draw) => ['LPUSH', draw.anyKey(), draw.value] },
    { weight: 1, command: (draw) => ['RPOP', draw.anyKey()] },
  ],
  append: only((draw) => ['XADD', draw.anyKey(), '*', 'field', draw.value]),
  appendTrimmed: only((draw) => [
    ...['XADD', draw.anyKey(), 'MAXLEN', '~', String(STREAM_ENTRIES)],
    ...['*', 'field', draw.value],
  ]),
  /** Elements of ten bytes, no two alike. */
  pushMany: only((draw) => [
    'RPUSH',
    draw.anyKey(),
    ...Array.from({ length: PUSHED_AT_ONCE }, (_, i) =>
      String(draw.index * PUSHED_AT_ONCE + i).padStart(10, '0'),
    ),
  ]),
  mixed: Object.values(MIXED),
} as const satisfies Readonly<Record<string, Workload>>;

/** How the mixed workload is made up, in words. */
export function describeMix(): string {
  return Object.entries(MIXED)
    .map(([name, share]) => `${name} ${share.weight}`)
    .join(', ');
}

const NAMES = { ...PLAIN, ...HOT_KEYS };

export type WorkloadName = keyof typeof NAMES;

export const WORKLOAD_NAMES = Object.keys(NAMES) as WorkloadName[];

export function workloadNamed(name: WorkloadName): Workload {
  const found = NAMES[name];
  return 'workload' in found ? found.workload : found;
}
