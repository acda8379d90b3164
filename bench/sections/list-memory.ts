// What lists cost the replicators: lists of a million elements, and a queue that is used for a while.
//
// A process that has worked is full of garbage and of buffers that come and go, megabytes of them. So
// garbage is collected before each look, and each figure is a floor: the least that is resident after
// several equal loads of plain writes. Whatever lies above the floor of before is held for the lists.

import { runLoad } from '../load/run.ts';
import { PUSHED_AT_ONCE, type WorkloadName } from '../load/workloads.ts';
import { residentBytes } from '../proc.ts';
import type { Measurement } from '../report.ts';
import { collectGarbage, MEASURED_REPLICATOR } from '../systems/garbage.ts';
import { Regions } from '../systems/regions.ts';
import type { Context } from './context.ts';
import { growthRows, MEGABYTE } from './memory-growth.ts';
import { pacedLoad, QUEUE } from './paced-load.ts';

const NAMES = ['writer', 'reader'] as const;
/** Elements in the queue from the beginning, so that pops find something. */
const WAITING = 1000;
const QUIET_SECONDS_MAX = 60;
/** Plain writes whose floor is taken: as many bytes as building a list of a million elements. */
const FLOOR = { loads: 3, writes: 10_000, keys: 1000, valueBytes: 1400 };

export async function listMemory(context: Context): Promise<Measurement[]> {
  if (context.candidate.system.replicatorPids.length === 0) return [];
  const { engine, plain, dir, cleanup } = context;
  context.progress('list memory: starting two regions');
  const regions = await Regions.start(
    { engine, plain, cleanup, dir: `${dir}/list-memory` },
    { regions: ['eastus', 'westeurope'], replicatorScript: MEASURED_REPLICATOR },
  );
  const bed = new Bed(context, regions);
  const measurements = [...(await longLists(context, bed)), ...(await usedQueue(context, bed))];
  await regions.stop();
  return measurements;
}

async function longLists(context: Context, bed: Bed): Promise<Measurement[]> {
  const { lists, elements } = context.plan.listMemory;
  // What the first lists make the process allocate once and for all is not counted.
  await bed.write('pushMany', { keyPrefix: 'first:', writes: elements / PUSHED_AT_ONCE });
  context.progress('list memory: before the lists');
  const before = await bed.floorBytes();
  for (let list = 0; list < lists; list += 1) {
    context.progress(`list memory: list ${list + 1} of ${lists}`);
    await bed.write('pushMany', {
      keyPrefix: `built:${list}:`,
      writes: elements / PUSHED_AT_ONCE,
    });
  }
  context.progress('list memory: with the lists');
  const after = await bed.floorBytes();
  return NAMES.map((name, side) => ({
    section: `replicators' memory for ${lists} lists of ${elements.toLocaleString('en-US')} elements`,
    name: `beside the ${name}, per element`,
    unit: 'bytes',
    baseline: null,
    candidate: ((after[side] ?? Number.NaN) - (before[side] ?? Number.NaN)) / (lists * elements),
    target: { of: 'value', bound: 'atMost', limit: 1 },
  }));
}

async function usedQueue(context: Context, bed: Bed): Promise<Measurement[]> {
  const { queueSeconds } = context.plan.listMemory;
  const { writesPerSecond } = context.plan.lag;
  context.progress(`list memory: a queue for ${queueSeconds} s at ${writesPerSecond} writes/s`);
  const use = async (seconds: number): Promise<number> => {
    await bed.use(seconds, writesPerSecond);
    const floors = await bed.floorBytes();
    return floors.reduce((sum, bytes) => sum + bytes, 0) / MEGABYTE;
  };
  await bed.write('pushMany', { keyPrefix: QUEUE.keyPrefix, writes: WAITING / PUSHED_AT_ONCE });
  const early = await use(queueSeconds / 3);
  const late = await use((2 * queueSeconds) / 3);
  return growthRows(
    `both replicators' memory, a queue pushed and popped for ${queueSeconds} s`,
    { early: 'after the first third', late: 'at the end' },
    { early, late },
  );
}

class Bed {
  readonly #context: Context;
  readonly #regions: Regions;

  constructor(context: Context, regions: Regions) {
    this.#context = context;
    this.#regions = regions;
  }

  get #endpoint() {
    const endpoint = this.#regions.all[0]?.endpoint;
    if (endpoint === undefined) throw new Error('a group without regions');
    return endpoint;
  }

  /** As fast as the engine takes it. */
  async write(
    workload: WorkloadName,
    size: { keyPrefix: string; writes: number; keys?: number; valueBytes?: number },
  ): Promise<void> {
    const pace = { rate: 0, seconds: 0, connections: 4 };
    const load = { endpoint: this.#endpoint, workload, keys: 1, valueBytes: 0, ...size, ...pace };
    await runLoad(load, this.#context.cleanup);
    await this.#regions.quiet(QUIET_SECONDS_MAX);
  }

  async use(seconds: number, rate: number): Promise<void> {
    const load = pacedLoad(QUEUE, { endpoint: this.#endpoint, rate, seconds });
    await runLoad(load, this.#context.cleanup);
    await this.#regions.quiet(QUIET_SECONDS_MAX);
  }

  /** The least that each replicator holds, in the order of the regions. */
  async floorBytes(): Promise<number[]> {
    const floors = this.#regions.all.map(() => Infinity);
    const { writes, keys, valueBytes } = FLOOR;
    for (let load = 0; load < FLOOR.loads; load += 1) {
      await this.write('setRandom', { keyPrefix: 'floor:', writes, keys, valueBytes });
      for (const [side, { replicatorPid: pid, dir }] of this.#regions.all.entries()) {
        await collectGarbage({ pid, dir });
        floors[side] = Math.min(floors[side] ?? Infinity, residentBytes([pid]));
      }
    }
    return floors;
  }
}
