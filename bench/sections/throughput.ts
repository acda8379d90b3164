// Client throughput and latency while replication to the other side runs.

import type { Pair } from '../control.ts';
import { runLoad } from '../load/run.ts';
import { PUSHED_AT_ONCE, STREAM_ENTRIES } from '../load/workloads.ts';
import { CLIENTS, runRedisBenchmark } from '../redis-benchmark.ts';
import type { Measurement, Target } from '../report.ts';
import { median } from '../statistics.ts';
import { type Context, inTurns, requestsFor, VALUE } from './context.ts';

interface Test {
  readonly name: string;
  readonly command: readonly string[];
  /** A command that puts many elements there, for tests that take them away one by one. */
  readonly fill?: readonly string[];
  /** What would grow from round to round, and with it the cost of a command. */
  readonly clear?: string;
}

/**
 * As redis-benchmark's own tests of these names, but for SADD: its own test adds the same few members
 * to one set again and again, which changes nothing and so replicates nothing. And RPOP finds a list
 * that is long enough for all of them.
 */
const TESTS: readonly Test[] = [
  { name: 'SET', command: ['SET', 'key:__rand_int__', VALUE] },
  { name: 'INCR', command: ['INCR', 'counter:__rand_int__'] },
  { name: 'HSET', command: ['HSET', 'myhash', 'element:__rand_int__', VALUE] },
  { name: 'SADD', command: ['SADD', 'set:__rand_int__', 'element:__rand_int__'], clear: 'set:*' },
  { name: 'ZADD', command: ['ZADD', 'myzset', '__rand_int__', 'element:__rand_int__'] },
  { name: 'LPUSH', command: ['LPUSH', 'mylist', VALUE], clear: 'mylist' },
  {
    name: 'RPOP',
    command: ['RPOP', 'mylist'],
    fill: ['RPUSH', 'mylist', ...Array.from({ length: PUSHED_AT_ONCE }, () => VALUE)],
    clear: 'mylist',
  },
  { name: 'XADD', command: ['XADD', 'mystream', '*', 'field', VALUE], clear: 'mystream' },
  {
    name: 'XADD MAXLEN ~',
    command: ['XADD', 'mystream', 'MAXLEN', '~', String(STREAM_ENTRIES), '*', 'field', VALUE],
    clear: 'mystream',
  },
];

const TARGETS: ReadonlyMap<number, Target> = new Map([
  [1, { of: 'ratio', bound: 'atLeast', limit: 0.85 }],
  [16, { of: 'ratio', bound: 'atLeast', limit: 0.75 }],
]);

/** Until the generator's code is compiled: it is a new process each time. */
const MIX_WARM_UP_SECONDS = 0.5;

interface Outcome {
  requestsPerSecond: number;
  p99Ms: number;
}

export async function throughput(context: Context): Promise<Measurement[]> {
  const measurements: Measurement[] = [];
  for (const [pipeline, target] of TARGETS) {
    const runs = [
      ...TESTS.map((test) => ({
        name: test.name,
        measure: () => measureTest(context, test, pipeline),
      })),
      { name: 'mixed', measure: () => measureMix(context, pipeline) },
    ];
    for (const { name, measure } of runs) {
      const label = `${name}, pipeline ${pipeline}`;
      context.progress(`throughput: ${label}`);
      const turns = await measure();
      const middle = (pick: (outcome: Outcome) => number) => ({
        section: 'client throughput and latency',
        baseline: median(turns.baseline.map(pick)),
        candidate: median(turns.candidate.map(pick)),
      });
      const rate = middle((outcome) => outcome.requestsPerSecond);
      const latency = middle((outcome) => outcome.p99Ms);
      measurements.push({ ...rate, name: label, unit: 'ops/s', target });
      measurements.push({ ...latency, name: `${label}, p99`, unit: 'ms' });
    }
  }
  return measurements;
}

async function measureTest(context: Context, test: Test, pipeline: number) {
  const { rounds, seconds } = context.plan.throughput;
  const { command } = test;
  const requests = await requestsFor(context, command, { pipeline, seconds });
  return inTurns(context, rounds, async (pair: Pair): Promise<Outcome> => {
    if (test.fill !== undefined) await fill(context, pair, test.fill, requests);
    const run = { endpoint: pair.system.writer, command, pipeline, requests };
    const report = await runRedisBenchmark(context.benchmark, run, context.cleanup);
    await pair.untilLevel();
    if (test.clear !== undefined) await pair.clear(test.clear);
    return report;
  });
}

async function fill(
  context: Context,
  pair: Pair,
  command: readonly string[],
  elements: number,
): Promise<void> {
  const requests = Math.ceil(elements / PUSHED_AT_ONCE);
  const run = { endpoint: pair.system.writer, command, pipeline: 16, requests };
  await runRedisBenchmark(context.benchmark, run, context.cleanup);
  await pair.untilLevel();
}

/** By the load generator, as redis-benchmark knows one command at a time. */
async function measureMix(context: Context, pipeline: number) {
  const { rounds, seconds } = context.plan.throughput;
  return inTurns(context, rounds, async (pair: Pair): Promise<Outcome> => {
    const load = { endpoint: pair.system.writer, workload: 'mixed', keyPrefix: 'mixed:' } as const;
    const size = { keys: 1, valueBytes: VALUE.length, connections: CLIENTS };
    const pace = { rate: 0, seconds, pipeline, warmUpSeconds: MIX_WARM_UP_SECONDS };
    const result = await runLoad({ ...load, ...size, ...pace }, context.cleanup);
    await pair.untilLevel();
    await pair.clear('mixed:*');
    return {
      requestsPerSecond: result.writes / result.seconds,
      p99Ms: result.p99Ms ?? Number.NaN,
    };
  });
}
