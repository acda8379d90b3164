// A member that joins through its donor's tunnel, against a replica that follows the same engine: how fast
// the data comes, and what the donor's clients notice. The two take turns; each begins with an empty
// engine. Compression of snapshots is off in both, so that it is the transport that counts.

import { setTimeout as sleep } from 'node:timers/promises';
import { connectControl, infoNumber, infoText } from '../control.ts';
import { runJoin, runLoad } from '../load/run.ts';
import { loadUntilStopped } from '../redis-benchmark.ts';
import type { Measurement } from '../report.ts';
import { DonorRegion } from '../systems/donor.ts';
import { type EngineProcess, startEngine } from '../systems/engine-process.ts';
import type { Context } from './context.ts';

const MEGABYTE = 1024 * 1024;
const VALUE_BYTES = 1024;
/** What a key with such a value takes in an engine. */
const KEY_BYTES = 1200;
/** The largest single cache that is offered; what its full sync would take at this rate. */
const LARGE_MB = 53 * 1024;
const POLL_MS = 10;
const RATE_TARGET = 0.9;

type Side = 'baseline' | 'candidate';

interface Synced {
  megabytesPerSecond: number;
  /** Of the donor's clients, while it lasted; NaN when there were none. */
  writesPerSecond: number;
}

export async function sync(context: Context): Promise<Measurement[]> {
  const { engine, plain, dir, cleanup, plan } = context;
  const keys = Math.round((plan.sync.megabytes * MEGABYTE) / KEY_BYTES);
  context.progress(`sync: filling an engine with ${plan.sync.megabytes} MB`);
  const donor = await DonorRegion.start(
    { engine, plain, cleanup, dir: `${dir}/sync` },
    (endpoint) => fill(context, endpoint, keys),
  );
  const quiet: Record<Side, Synced[]> = { baseline: [], candidate: [] };
  const busy: Record<Side, Synced[]> = { baseline: [], candidate: [] };
  for (let round = 0; round < plan.sync.rounds; round += 1) {
    const order: readonly Side[] = ['baseline', 'candidate'];
    for (const side of round % 2 === 0 ? order : order.toReversed()) {
      quiet[side].push(await oneSync(context, donor, side, false));
      busy[side].push(await oneSync(context, donor, side, true));
    }
  }
  const alone = await writesAlone(context, donor);
  await donor.stop();
  return rows(plan.sync.megabytes, quiet, busy, alone);
}

async function fill(context: Context, { host, port }: EngineProcess, keys: number): Promise<void> {
  const load = { endpoint: { host, port }, workload: 'set', keyPrefix: 'sync:', keys } as const;
  const more = { valueBytes: VALUE_BYTES, rate: 0, seconds: 0, connections: 4 };
  await runLoad({ ...load, ...more }, context.cleanup);
  const control = await connectControl({ host, port });
  await control.config('SET', 'rdbcompression', 'no');
  control.disconnect();
}

async function oneSync(
  context: Context,
  donor: DonorRegion,
  side: Side,
  withLoad: boolean,
): Promise<Synced> {
  const { cleanup, benchmark, dir, engine } = context;
  const what = side === 'baseline' ? 'a replica' : 'a new member';
  context.progress(`sync: ${what}${withLoad ? ', while clients write' : ''}`);
  const endpoint = { host: donor.engine.host, port: donor.engine.port };
  // A folder of its own: a replica leaves the snapshot there.
  const name = `follower-${process.hrtime.bigint()}`;
  const follower = await startEngine({ engine, cleanup, dir: `${dir}/sync`, name });
  const control = await connectControl(endpoint);
  const dataBytes = infoNumber(await control.info('memory'), 'used_memory_dataset');
  const load = withLoad
    ? loadUntilStopped(benchmark, { endpoint, command: loadCommand(), pipeline: 1 }, cleanup)
    : undefined;
  const before = infoNumber(await control.info('stats'), 'total_commands_processed');
  const startMs = performance.now();
  const work = side === 'baseline' ? replicate(follower, endpoint) : join(context, donor, follower);
  await Promise.race([work, ...(load === undefined ? [] : [load.failed])]);
  const lasted = (performance.now() - startMs) / 1000;
  const writes = infoNumber(await control.info('stats'), 'total_commands_processed') - before;
  const seconds = await work;
  await load?.stop();
  control.disconnect();
  await follower.stop();
  return {
    megabytesPerSecond: dataBytes / MEGABYTE / seconds,
    writesPerSecond: withLoad ? writes / lasted : Number.NaN,
  };
}

/** Small values on few keys: the data stays as it is. */
function loadCommand(): string[] {
  return ['SET', 'load:__rand_int__', 'x'.repeat(64)];
}

/** Seconds until the replica is in step. */
async function replicate(
  follower: EngineProcess,
  { host, port }: { host: string; port: number },
): Promise<number> {
  const control = await connectControl(follower);
  const startMs = performance.now();
  await control.call('REPLICAOF', host, String(port));
  while (infoText(await control.info('replication'), 'master_link_status') !== 'up') {
    await sleep(POLL_MS);
  }
  control.disconnect();
  return (performance.now() - startMs) / 1000;
}

/** Seconds until the newcomer has engine and log. */
async function join(
  context: Context,
  donor: DonorRegion,
  follower: EngineProcess,
): Promise<number> {
  const { seconds } = await runJoin(await donor.newcomer(follower), context.cleanup);
  return seconds;
}

async function writesAlone(context: Context, { engine }: DonorRegion): Promise<number> {
  const { benchmark, cleanup, plan } = context;
  context.progress('sync: clients alone');
  const endpoint = { host: engine.host, port: engine.port };
  const control = await connectControl(endpoint);
  const run = { endpoint, command: loadCommand(), pipeline: 1 };
  const load = loadUntilStopped(benchmark, run, cleanup);
  const before = infoNumber(await control.info('stats'), 'total_commands_processed');
  await Promise.race([sleep(plan.sync.seconds * 1000, undefined, { ref: false }), load.failed]);
  const after = infoNumber(await control.info('stats'), 'total_commands_processed');
  await load.stop();
  control.disconnect();
  return (after - before) / plan.sync.seconds;
}

function rows(
  megabytes: number,
  quiet: Record<Side, Synced[]>,
  busy: Record<Side, Synced[]>,
  alone: number,
): Measurement[] {
  const section = `full sync of ${megabytes} MB: a new member against a replica`;
  const both = (from: Record<Side, Synced[]>, of: keyof Synced) => ({
    baseline: best(from.baseline, of),
    candidate: best(from.candidate, of),
  });
  const rate = both(quiet, 'megabytesPerSecond');
  return [
    {
      section,
      name: 'rate',
      unit: 'MB/s',
      ...rate,
      target: { of: 'ratio', bound: 'atLeast', limit: RATE_TARGET },
    },
    {
      section,
      name: '53 GB at this rate',
      unit: 'min',
      baseline: LARGE_MB / rate.baseline / 60,
      candidate: LARGE_MB / rate.candidate / 60,
    },
    {
      section,
      name: 'rate while clients write',
      unit: 'MB/s',
      ...both(busy, 'megabytesPerSecond'),
    },
    { section, name: 'their writes meanwhile', unit: 'ops/s', ...both(busy, 'writesPerSecond') },
    { section, name: 'their writes without it', unit: 'ops/s', baseline: alone, candidate: alone },
  ];
}

/** What else runs on the machine only ever makes it slower. */
function best(of: readonly Synced[], figure: keyof Synced): number {
  return Math.max(...of.map((one) => one[figure]));
}
