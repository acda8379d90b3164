// All regions of a group write at once: how many writes a second come from all of them together, until all of them have
// all. Against one stock primary with as many replicas, which executes each write as often, but takes it in one place.

import { setTimeout as sleep } from 'node:timers/promises';
import { connectControl, infoNumber } from '../control.ts';
import type { Endpoint } from '../load/messages.ts';
import { runLoad } from '../load/run.ts';
import type { Measurement } from '../report.ts';
import { median } from '../statistics.ts';
import { startEngine } from '../systems/engine-process.ts';
import { Regions } from '../systems/regions.ts';
import type { Context } from './context.ts';

const COUNTS = [2, 3, 5];
const NAMES = ['eastus', 'westeurope', 'japaneast', 'uksouth', 'brazilsouth'];
/** Whether regions write the same keys, and so meet, or each its own. */
const KEYS = ['own', 'same'] as const;
const QUIET_SECONDS_MAX = 300;
const POLL_MS = 5;
const START_DELAY_MS = 500;

export async function members(context: Context): Promise<Measurement[]> {
  const measurements: Measurement[] = [];
  for (const count of COUNTS) {
    const stock = await inStock(context, count);
    const group = await inGroup(context, count);
    for (const keys of KEYS) {
      measurements.push({
        section: 'writes of all regions together, until all have all',
        name: `${count} members, ${keys === 'own' ? 'each its own keys' : 'all the same keys'}`,
        unit: 'ops/s',
        baseline: stock,
        candidate: group[keys],
      });
    }
  }
  return measurements;
}

async function inStock(context: Context, count: number): Promise<number> {
  const { engine, cleanup, plan } = context;
  context.progress(`members: a primary with ${count - 1} replicas`);
  const dir = `${context.dir}/members-stock-${count}`;
  const primary = await startEngine({ engine, dir, cleanup, name: 'primary' });
  const replicas = await Promise.all(
    Array.from({ length: count - 1 }, (_, i) =>
      startEngine({ engine, dir, cleanup, name: `replica-${i}`, primary }),
    ),
  );
  const control = await connectControl(primary);
  const followers = await Promise.all(replicas.map(connectControl));
  /** Up to where each has the stream; a replica that is not in step yet is at 0. */
  const areLevel = async (): Promise<boolean> => {
    const wanted = infoNumber(await control.info('replication'), 'master_repl_offset');
    const infos = await Promise.all(followers.map((one) => one.info('replication')));
    return infos.every((info) => infoNumber(info, 'slave_repl_offset') >= wanted && wanted > 0);
  };
  const rates: number[] = [];
  try {
    while (!(await areLevel())) await sleep(POLL_MS);
    for (let round = 0; round < plan.members.rounds; round += 1) {
      const endpoints = [{ host: primary.host, port: primary.port }];
      const untilLevel = async () => {
        while (!(await areLevel())) await sleep(POLL_MS);
      };
      rates.push(await rateOf(context, endpoints, () => `members:${round}:`, untilLevel));
    }
  } finally {
    for (const client of [control, ...followers]) client.disconnect();
    await Promise.all([primary, ...replicas].map((one) => one.stop()));
  }
  return median(rates);
}

async function inGroup(
  context: Context,
  count: number,
): Promise<Record<(typeof KEYS)[number], number>> {
  const { engine, plain, cleanup, plan } = context;
  const dir = `${context.dir}/members-${count}`;
  const regions = await Regions.start(
    { engine, plain, cleanup, dir },
    { regions: NAMES.slice(0, count) },
  );
  const endpoints = regions.all.map(({ endpoint }) => endpoint);
  const rates = { own: [] as number[], same: [] as number[] };
  for (let round = 0; round < plan.members.rounds; round += 1) {
    for (const keys of KEYS) {
      context.progress(`members: ${count}, ${keys} keys`);
      const prefix = (region: number) => `members:${round}:${keys === 'own' ? region : ''}:`;
      const untilLevel = () => regions.quiet(QUIET_SECONDS_MAX);
      rates[keys].push(await rateOf(context, endpoints, prefix, untilLevel));
    }
  }
  await regions.stop();
  return { own: median(rates.own), same: median(rates.same) };
}

/** Writes the same number in all, whoever takes part, as fast as they take it. */
async function rateOf(
  { plan, cleanup }: Context,
  endpoints: readonly Endpoint[],
  prefix: (region: number) => string,
  untilLevel: () => Promise<void>,
): Promise<number> {
  const writes = Math.round(plan.members.writes / endpoints.length);
  const startAtMs = Date.now() + START_DELAY_MS;
  const loads = endpoints.map((endpoint, region) =>
    runLoad(
      {
        ...{ endpoint, workload: 'mixed', keyPrefix: prefix(region), keys: 1, valueBytes: 64 },
        ...{ rate: 0, seconds: 0, writes, connections: 4, startAtMs },
      },
      cleanup,
    ),
  );
  const results = await Promise.all(loads);
  await untilLevel();
  const seconds = (Date.now() - startAtMs) / 1000;
  return results.reduce((sum, result) => sum + result.writes, 0) / seconds;
}
