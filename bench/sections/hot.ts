// One key that is written in three regions at once: does an op cost the more, the more there are? For each
// type the same number of writes at some rate and at twice that rate, and the CPU time of all replicators
// and engines per write, from the first write until every region has every one. Linear means that the
// cost per write does not rise.

import { setTimeout as sleep } from 'node:timers/promises';
import { HOT_KEY_NAMES, HOT_KEYS, type HotKeyName } from '../load/hot-keys.ts';
import { cpuSeconds } from '../proc.ts';
import type { Measurement } from '../report.ts';
import { median } from '../statistics.ts';
import type { Context } from './context.ts';
import { type Cost, HotBed } from './hot-bed.ts';

const SECTION = 'one hot key written in three regions at once, CPU time per write';
const REST_SECONDS = 2;

/** At some rate and at twice that rate, round by round. */
interface Costs {
  once: Cost[];
  twice: Cost[];
  differs?: string;
}

export async function hot(context: Context): Promise<Measurement[]> {
  if (context.candidate.system.replicatorPids.length === 0) return [];
  context.progress('hot: starting three regions');
  const bed = new HotBed(context);
  await bed.start();
  const measurements: Measurement[] = [];
  for (const name of HOT_KEY_NAMES) {
    const { title } = HOT_KEYS[name];
    const costs: Costs = { once: [], twice: [] };
    for (let round = 0; round < context.plan.hot.rounds; round += 1) {
      const again = round === 0 ? '' : `, round ${round + 1}`;
      context.progress(`hot: ${title}${again}`);
      await measureRound(context, bed, { name, round, costs });
    }
    measurements.push(...hotRows(title, context.plan.hot.writesPerSecond, costs));
  }
  measurements.push(await atRest(bed));
  await bed.stop();
  return measurements;
}

async function measureRound(
  context: Context,
  bed: HotBed,
  run: { name: HotKeyName; round: number; costs: Costs },
): Promise<void> {
  const { name, round, costs } = run;
  const { writesPerSecond, seconds, warmUpSeconds } = context.plan.hot;
  const once = { rate: writesPerSecond, seconds };
  const twice = { rate: 2 * writesPerSecond, seconds: seconds / 2 };
  const paces = [
    ['once', once],
    ['twice', twice],
  ] as const;
  const note = (differs: string): void => {
    costs.differs = differs;
    context.progress(`hot: ${HOT_KEYS[name].title} differs: ${differs}`);
  };
  const measured = async (pace: { rate: number; seconds: number }): Promise<Cost> => {
    const { cost, differs } = await bed.run(name, pace);
    if (differs !== null) note(differs);
    return cost;
  };
  try {
    await measured({ rate: twice.rate, seconds: warmUpSeconds });
    // Who goes first changes, so that neither rate gains by its place.
    for (const [which, pace] of round % 2 === 0 ? paces : paces.toReversed()) {
      costs[which].push(await measured(pace));
    }
  } catch (error) {
    // After an interrupt everything fails. Any other failure is what is to be said of this key, such as
    // that the regions do not come to rest; the next key gets new ones.
    if (context.cleanup.hasBegun) throw error;
    note(error instanceof Error ? error.message : String(error));
    await bed.restart();
  }
}

/** What a type's key costs at both rates, and how that grows. */
export function hotRows(title: string, writesPerSecond: number, costs: Costs): Measurement[] {
  const row = (name: string, unit: string, candidate: number): Measurement => ({
    section: SECTION,
    name: `${title}: ${name}`,
    unit,
    baseline: null,
    candidate,
  });
  const perSecond = (rate: number) => `${rate.toLocaleString('en-US')}/s`;
  const [slow, fast] = [perSecond(writesPerSecond), perSecond(2 * writesPerSecond)];
  const middle = (which: 'once' | 'twice', who: keyof Cost) =>
    median(costs[which].map((cost) => cost[who]));
  const of = (who: keyof Cost) => ({ once: middle('once', who), twice: middle('twice', who) });
  const [replicators, engines] = [of('replicatorsUs'), of('enginesUs')];
  return [
    row(`replicators at ${slow} per region`, 'us', replicators.once),
    row(`replicators at ${fast} per region`, 'us', replicators.twice),
    {
      ...row(`replicators, ${fast} over ${slow}`, 'x', replicators.twice / replicators.once),
      target: { of: 'value', bound: 'atMost', limit: 2, best: 1 },
      ...(costs.differs !== undefined && { differs: costs.differs }),
    },
    row(`engines at ${slow} per region`, 'us', engines.once),
    row(`engines at ${fast} per region`, 'us', engines.twice),
  ];
}

/** What the figures above contain without any write. */
async function atRest(bed: HotBed): Promise<Measurement> {
  const before = cpuSeconds(bed.replicatorPids);
  await sleep(REST_SECONDS * 1000);
  const milliseconds = (cpuSeconds(bed.replicatorPids) - before) * 1000;
  return {
    section: SECTION,
    name: 'all replicators at rest, per second',
    unit: 'ms',
    baseline: null,
    candidate: milliseconds / REST_SECONDS,
  };
}
