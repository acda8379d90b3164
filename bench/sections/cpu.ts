// What replication costs: CPU seconds of all server processes per million writes, from the first
// write until the other side has the last one.

import type { Pair } from '../control.ts';
import { runLoad } from '../load/run.ts';
import { cpuSeconds } from '../proc.ts';
import { runRedisBenchmark } from '../redis-benchmark.ts';
import type { Measurement, Target } from '../report.ts';
import { median } from '../statistics.ts';
import { type Context, inTurns, requestsFor, VALUE } from './context.ts';
import { clean, OTHER_WRITES, pacedLoad, prepare, SETS, type Writes } from './paced-load.ts';

const TARGET: Target = { of: 'ratio', bound: 'atMost', limit: 1.6 };
const COMMAND = ['SET', 'key:__rand_int__', VALUE];

interface Load {
  name: string;
  /** Before and after what is measured. */
  prepare?(pair: Pair): Promise<void>;
  clean?(pair: Pair): Promise<void>;
  /** Writes something and says how many writes it was. */
  run(pair: Pair): Promise<number>;
}

interface Cost {
  all: number;
  replicators: number;
}

export async function cpu(context: Context): Promise<Measurement[]> {
  const loads = [
    paced(context, SETS),
    await flatOut(context, 1),
    await flatOut(context, 16),
    ...OTHER_WRITES.map((writes) => paced(context, writes)),
  ];
  const measurements: Measurement[] = [];
  for (const load of loads) {
    const { name } = load;
    context.progress(`CPU: ${name}`);
    const turns = await inTurns(context, context.plan.cpu.rounds, (pair) => costOf(pair, load));
    const section = 'CPU seconds of all servers per million replicated writes';
    const middle = (pick: (cost: Cost) => number) => ({
      baseline: median(turns.baseline.map(pick)),
      candidate: median(turns.candidate.map(pick)),
    });
    measurements.push({ section, name, unit: 's', ...middle((cost) => cost.all), target: TARGET });
    if (context.candidate.system.replicatorPids.length === 0) continue;
    const replicators = middle((cost) => cost.replicators);
    measurements.push({ section, name: `${name}: replicators`, unit: 's', ...replicators });
  }
  return measurements;
}

function paced(context: Context, writes: Writes): Load {
  const { seconds, writesPerSecond } = context.plan.cpu;
  const name = `at ${writesPerSecond.toLocaleString('en-US')} writes/s`;
  return {
    name: writes === SETS ? name : `${name}, ${writes.title}`,
    prepare: (pair) => prepare(pair, writes),
    clean: (pair) => clean(pair, writes),
    async run({ system }) {
      const pace = { endpoint: system.writer, rate: writesPerSecond, seconds };
      return (await runLoad(pacedLoad(writes, pace), context.cleanup)).writes;
    },
  };
}

async function flatOut(context: Context, pipeline: number): Promise<Load> {
  const { seconds } = context.plan.cpu;
  const requests = await requestsFor(context, COMMAND, { pipeline, seconds });
  return {
    name: `flat out, pipeline ${pipeline}`,
    async run({ system }) {
      const run = { endpoint: system.writer, command: COMMAND, pipeline, requests };
      await runRedisBenchmark(context.benchmark, run, context.cleanup);
      return requests;
    },
  };
}

async function costOf(pair: Pair, load: Load): Promise<Cost> {
  const { serverPids, replicatorPids } = pair.system;
  await load.prepare?.(pair);
  await pair.untilLevel();
  const before = { all: cpuSeconds(serverPids), replicators: cpuSeconds(replicatorPids) };
  const writes = await load.run(pair);
  await pair.untilLevel();
  const perMillion = 1_000_000 / writes;
  const cost = {
    all: (cpuSeconds(serverPids) - before.all) * perMillion,
    replicators: (cpuSeconds(replicatorPids) - before.replicators) * perMillion,
  };
  await load.clean?.(pair);
  return cost;
}
