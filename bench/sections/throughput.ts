// Client throughput and latency while replication to the other side runs.

import type { Pair } from '../control.ts';
import { runRedisBenchmark, type ThroughputReport } from '../redis-benchmark.ts';
import type { Measurement, Target } from '../report.ts';
import { median } from '../statistics.ts';
import { type Context, inTurns, requestsFor, VALUE } from './context.ts';

/**
 * As redis-benchmark's own tests of these names, but for SADD: its own test adds the same few members
 * to one set again and again, which changes nothing and so replicates nothing.
 */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  SET: ['SET', 'key:__rand_int__', VALUE],
  INCR: ['INCR', 'counter:__rand_int__'],
  HSET: ['HSET', 'myhash', 'element:__rand_int__', VALUE],
  SADD: ['SADD', 'set:__rand_int__', 'element:__rand_int__'],
  ZADD: ['ZADD', 'myzset', '__rand_int__', 'element:__rand_int__'],
};

const TARGETS: ReadonlyMap<number, Target> = new Map([
  [1, { of: 'ratio', bound: 'atLeast', limit: 0.85 }],
  [16, { of: 'ratio', bound: 'atLeast', limit: 0.75 }],
]);

export async function throughput(context: Context): Promise<Measurement[]> {
  const measurements: Measurement[] = [];
  for (const [pipeline, target] of TARGETS) {
    for (const [name, command] of Object.entries(COMMANDS)) {
      const label = `${name}, pipeline ${pipeline}`;
      context.progress(`throughput: ${label}`);
      const turns = await measureCommand(context, command, pipeline);
      const middle = (pick: (report: ThroughputReport) => number) => ({
        section: 'client throughput and latency',
        baseline: median(turns.baseline.map(pick)),
        candidate: median(turns.candidate.map(pick)),
      });
      const rate = middle((report) => report.requestsPerSecond);
      const latency = middle((report) => report.p99Ms);
      measurements.push({ ...rate, name: label, unit: 'ops/s', target });
      measurements.push({ ...latency, name: `${label}, p99`, unit: 'ms' });
    }
  }
  return measurements;
}

async function measureCommand(context: Context, command: readonly string[], pipeline: number) {
  const { rounds, seconds } = context.plan.throughput;
  const requests = await requestsFor(context, command, { pipeline, seconds });
  return inTurns(context, rounds, async (pair: Pair) => {
    const run = { endpoint: pair.system.writer, command, pipeline, requests };
    const report = await runRedisBenchmark(context.benchmark, run, context.cleanup);
    await pair.untilLevel();
    // Sets would grow from round to round, and with them the cost of an add.
    if (command[0] === 'SADD') await pair.clear('set:*');
    return report;
  });
}
