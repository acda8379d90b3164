// Replication lag at a fixed rate of writes: how long after a write the other side shows it.

import { runLoad, runProbes } from '../load/run.ts';
import type { Measurement, Target } from '../report.ts';
import { median, percentile } from '../statistics.ts';
import { type Context, inTurns } from './context.ts';
import { pacedLoad } from './paced-load.ts';

/** The load runs this much before the first and after the last probe that counts. */
const MARGIN_SECONDS = 1;

interface Lag {
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  /** Of the probe's own write: the part of the lag that is not replication. */
  roundTripMs: number;
  writesPerSecond: number;
}

export async function lag(context: Context): Promise<Measurement[]> {
  const { rounds, seconds, writesPerSecond, probesPerSecond } = context.plan.lag;
  const { cleanup } = context;
  const turns = await inTurns(context, rounds, async (pair, round): Promise<Lag> => {
    context.progress(`lag: ${pair.system.name}, round ${round + 1} of ${rounds}`);
    const { writer, reader } = pair.system;
    const stream = `bench:probes:${round}`;
    const loadSeconds = seconds + 2 * MARGIN_SECONDS;
    const probes = { writer, reader, stream, probesPerSecond, warmUpSeconds: MARGIN_SECONDS };
    const [load, found] = await Promise.all([
      runLoad(pacedLoad(writer, writesPerSecond, loadSeconds), cleanup),
      runProbes({ ...probes, seconds: seconds + MARGIN_SECONDS }, cleanup),
    ]);
    await pair.untilLevel();
    return {
      p50Ms: percentile(found.lagMs, 50),
      p99Ms: percentile(found.lagMs, 99),
      maxMs: Math.max(...found.lagMs),
      roundTripMs: percentile(found.roundTripMs, 50),
      writesPerSecond: load.writes / load.seconds,
    };
  });
  const row = (name: string, unit: string, pick: (lag: Lag) => number, target?: Target) => ({
    section: `replication lag at ${writesPerSecond.toLocaleString('en-US')} writes/s`,
    name,
    unit,
    baseline: median(turns.baseline.map(pick)),
    candidate: median(turns.candidate.map(pick)),
    ...(target && { target }),
  });
  const atMost = (limit: number): Target => ({ of: 'value', bound: 'atMost', limit });
  return [
    row('lag, p50', 'ms', (one) => one.p50Ms, atMost(1.5)),
    row('lag, p99', 'ms', (one) => one.p99Ms, atMost(5)),
    {
      ...row('lag, max', 'ms', (one) => one.maxMs),
      baseline: Math.max(...turns.baseline.map((one) => one.maxMs)),
      candidate: Math.max(...turns.candidate.map((one) => one.maxMs)),
    },
    row("of it the probe's own write, p50", 'ms', (one) => one.roundTripMs),
    row('writes in fact', 'ops/s', (one) => one.writesPerSecond),
  ];
}
