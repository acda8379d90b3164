// Replication lag at a fixed rate of writes: how long after a write the other side shows it.

import type { Pair } from '../control.ts';
import { runLoad, runProbes } from '../load/run.ts';
import type { Measurement, Target } from '../report.ts';
import { median, percentile } from '../statistics.ts';
import { type Context, inTurns } from './context.ts';
import { clean, OTHER_WRITES, pacedLoad, prepare, SETS, type Writes } from './paced-load.ts';

/** The load runs this much before the first and after the last probe that counts. */
const MARGIN_SECONDS = 1;

/** The stream of the probes, made anew for each round. */
const PROBES = 'bench:probes';

interface Lag {
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  /** Of the probe's own write: the part of the lag that is not replication. */
  roundTripMs: number;
  writesPerSecond: number;
}

export async function lag(context: Context): Promise<Measurement[]> {
  const { rounds, otherRounds } = context.plan.lag;
  const measurements = await lagBeside(context, SETS, rounds);
  for (const writes of OTHER_WRITES) {
    measurements.push(...(await lagBeside(context, writes, otherRounds)));
  }
  return measurements;
}

async function lagBeside(context: Context, writes: Writes, rounds: number): Promise<Measurement[]> {
  const { writesPerSecond } = context.plan.lag;
  const turns = await inTurns(context, rounds, async (pair, round): Promise<Lag> => {
    const { title } = writes;
    context.progress(`lag: ${title}, ${pair.system.name}, round ${round + 1} of ${rounds}`);
    return measure(context, pair, writes);
  });
  const pace = `${writesPerSecond.toLocaleString('en-US')} writes/s`;
  const row = (name: string, unit: string, pick: (lag: Lag) => number, target?: Target) => ({
    section: `replication lag at ${pace}${writes === SETS ? '' : `, ${writes.title}`}`,
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

async function measure(context: Context, pair: Pair, writes: Writes): Promise<Lag> {
  const { plan, cleanup } = context;
  const { seconds, writesPerSecond, probesPerSecond } = plan.lag;
  const { writer, reader } = pair.system;
  await prepare(pair, writes);
  const pace = { rate: writesPerSecond, seconds: seconds + 2 * MARGIN_SECONDS };
  const probes = { writer, reader, stream: PROBES, probesPerSecond, warmUpSeconds: MARGIN_SECONDS };
  const [load, found] = await Promise.all([
    runLoad(pacedLoad(writes, { endpoint: writer, ...pace }), cleanup),
    runProbes({ ...probes, seconds: seconds + MARGIN_SECONDS }, cleanup),
  ]);
  await pair.untilLevel();
  await clean(pair, writes);
  await pair.clear(PROBES);
  return {
    p50Ms: percentile(found.lagMs, 50),
    p99Ms: percentile(found.lagMs, 99),
    maxMs: Math.max(...found.lagMs),
    roundTripMs: percentile(found.roundTripMs, 50),
    writesPerSecond: load.writes / load.seconds,
  };
}
