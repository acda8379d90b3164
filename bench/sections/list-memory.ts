// What lists cost the replicators: lists of a million elements, and a queue that is used for a while.
//
// A process that has worked is full of garbage, of frames that some member has not confirmed, and of pages
// that its allocator keeps for later: many megabytes that come and go. So each look waits until all is
// confirmed and released, and then counts what the replicators still hold once their garbage is collected.
// Resident memory is shown beside it; its noise is larger than what is measured.

import { setTimeout as sleep } from 'node:timers/promises';
import { runLoad } from '../load/run.ts';
import { PUSHED_AT_ONCE } from '../load/workloads.ts';
import { residentBytes } from '../proc.ts';
import type { Measurement } from '../report.ts';
import { heldBytes, MEASURED_REPLICATOR } from '../systems/held-memory.ts';
import { Regions } from '../systems/regions.ts';
import type { Context } from './context.ts';
import { growthRows, MEGABYTE } from './memory-growth.ts';
import { pacedLoad, QUEUE } from './paced-load.ts';

const REGIONS = ['eastus', 'westeurope'];
const SIDES = ['writer', 'reader'] as const;
/** What the first lists make a process allocate once and for all is not counted. */
const FIRST_LISTS = 2;
/** Elements in the queue from the beginning, so that pops find something. */
const WAITING = 1000;
const QUIET_SECONDS_MAX = 60;
/** From quiet until the last statement has reached everyone (a second) and frames are released (another). */
const RELEASE_MS = 2500;

interface Look {
  /** By side. */
  held: number[];
  resident: number[];
}

export async function listMemory(context: Context): Promise<Measurement[]> {
  if (context.candidate.system.replicatorPids.length === 0) return [];
  const { engine, plain, dir, cleanup } = context;
  context.progress('list memory: starting two regions');
  const regions = await Regions.start(
    { engine, plain, cleanup, dir: `${dir}/list-memory` },
    { regions: REGIONS, replicatorScript: MEASURED_REPLICATOR },
  );
  const measurements = [
    ...(await longLists(context, regions)),
    ...(await usedQueue(context, regions)),
  ];
  await regions.stop();
  return measurements;
}

async function longLists(context: Context, regions: Regions): Promise<Measurement[]> {
  const { lists, elements } = context.plan.listMemory;
  const build = async (prefix: string, count: number): Promise<void> => {
    for (let list = 0; list < count; list += 1) {
      context.progress(`list memory: ${prefix} list ${list + 1} of ${count}`);
      await push(context, regions, `${prefix}:${list}:`, elements);
    }
  };
  await build('first', FIRST_LISTS);
  // The first collections also throw away code that no longer runs, about a megabyte.
  await look(regions);
  await look(regions);
  const before = await look(regions);
  await build('measured', lists);
  const after = await look(regions);
  const section = `replicators' memory for ${lists} lists of ${elements.toLocaleString('en-US')} elements`;
  return SIDES.flatMap((name, side): Measurement[] => {
    const perElement = (of: keyof Look): number =>
      ((after[of][side] ?? Number.NaN) - (before[of][side] ?? Number.NaN)) / (lists * elements);
    const row = { section, unit: 'bytes', baseline: null };
    return [
      {
        ...row,
        name: `beside the ${name}, per element`,
        candidate: perElement('held'),
        target: { of: 'value', bound: 'atMost', limit: 1 },
      },
      { ...row, name: `beside the ${name}, resident`, candidate: perElement('resident') },
    ];
  });
}

async function usedQueue(context: Context, regions: Regions): Promise<Measurement[]> {
  const { queueSeconds } = context.plan.listMemory;
  const rate = context.plan.lag.writesPerSecond;
  context.progress(`list memory: a queue for ${queueSeconds} s at ${rate} writes/s`);
  await push(context, regions, QUEUE.keyPrefix, WAITING);
  const useFor = async (seconds: number): Promise<number> => {
    const endpoint = regions.first.endpoint;
    await runLoad(pacedLoad(QUEUE, { endpoint, rate, seconds }), context.cleanup);
    const { held } = await look(regions);
    return held.reduce((sum, bytes) => sum + bytes, 0) / MEGABYTE;
  };
  const early = await useFor(queueSeconds / 3);
  const late = await useFor((2 * queueSeconds) / 3);
  return growthRows(
    `both replicators' memory, a queue pushed and popped for ${queueSeconds} s`,
    { early: 'after the first third', late: 'at the end' },
    { early, late },
  );
}

/** Builds a list in the first region, as fast as it takes it. */
async function push(
  context: Context,
  regions: Regions,
  keyPrefix: string,
  elements: number,
): Promise<void> {
  const load = { endpoint: regions.first.endpoint, workload: 'pushMany', keyPrefix } as const;
  const size = { keys: 1, valueBytes: 0, writes: elements / PUSHED_AT_ONCE };
  await runLoad({ ...load, ...size, rate: 0, seconds: 0, connections: 4 }, context.cleanup);
  await regions.quiet(QUIET_SECONDS_MAX);
}

async function look(regions: Regions): Promise<Look> {
  await regions.quiet(QUIET_SECONDS_MAX);
  await sleep(RELEASE_MS);
  const found: Look = { held: [], resident: [] };
  for (const { replicatorPid: pid, dir } of regions.all) {
    found.held.push(await heldBytes({ pid, dir }));
    found.resident.push(residentBytes([pid]));
  }
  return found;
}
