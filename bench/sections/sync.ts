// A member that joins through its donor's tunnel, against a replica that follows the same engine, in the
// clear and over TLS: how fast the data comes, what CPU time it takes, and what the donor's clients notice.
// They take turns; each begins with an empty engine. Compression of snapshots is off in all, so that it is
// the transport that counts.

import { setTimeout as sleep } from 'node:timers/promises';
import { connectControl, infoNumber, infoText } from '../control.ts';
import { runJoin, runLoad } from '../load/run.ts';
import { cpuSeconds } from '../proc.ts';
import { loadUntilStopped } from '../redis-benchmark.ts';
import type { Measurement } from '../report.ts';
import { DonorRegion, type EncryptedDoor } from '../systems/donor.ts';
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

/** A replica in the clear, one over TLS, and a member. */
type Side = 'plain' | 'encrypted' | 'member';

const SIDE_NAMES: Readonly<Record<Side, string>> = {
  plain: 'a replica',
  encrypted: 'a replica over TLS',
  member: 'a new member',
};

interface Synced {
  megabytesPerSecond: number;
  /** Of all processes that take part. */
  cpuSecondsPerGigabyte: number;
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
  const door = await donor.encrypted();
  if (door === null) context.progress('sync: no replica over TLS');
  const sides: Side[] = door === null ? ['plain', 'member'] : ['plain', 'encrypted', 'member'];
  const quiet: Record<Side, Synced[]> = { plain: [], encrypted: [], member: [] };
  const busy: Record<Side, Synced[]> = { plain: [], encrypted: [], member: [] };
  for (let round = 0; round < plan.sync.rounds; round += 1) {
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
      quiet[side].push(await oneSync(context, { donor, door, side, withLoad: false }));
      busy[side].push(await oneSync(context, { donor, door, side, withLoad: true }));
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

interface Run {
  donor: DonorRegion;
  door: EncryptedDoor | null;
  side: Side;
  withLoad: boolean;
}

async function oneSync(context: Context, run: Run): Promise<Synced> {
  const { cleanup, benchmark, dir, engine } = context;
  const { donor, side, withLoad } = run;
  context.progress(`sync: ${SIDE_NAMES[side]}${withLoad ? ', while clients write' : ''}`);
  const endpoint = { host: donor.engine.host, port: donor.engine.port };
  // A folder of its own: a replica leaves the snapshot there.
  const name = `follower-${process.hrtime.bigint()}`;
  const follower = await startEngine({ engine, cleanup, dir: `${dir}/sync`, name });
  const control = await connectControl(endpoint);
  const dataBytes = infoNumber(await control.info('memory'), 'used_memory_dataset');
  const load = withLoad
    ? loadUntilStopped(benchmark, { endpoint, command: loadCommand(), pipeline: 1 }, cleanup)
    : undefined;
  const pids = [
    donor.engine.pid,
    follower.pid,
    ...(side === 'member' ? [donor.replicatorPid] : []),
  ];
  const before = infoNumber(await control.info('stats'), 'total_commands_processed');
  const cpuBefore = cpuSeconds(pids);
  const startMs = performance.now();
  const work = side === 'member' ? join(context, donor, follower) : replicate(follower, run);
  await Promise.race([work, ...(load === undefined ? [] : [load.failed])]);
  const lasted = (performance.now() - startMs) / 1000;
  const { seconds, ownCpuSeconds } = await work;
  const cpu = cpuSeconds(pids) - cpuBefore + ownCpuSeconds;
  const writes = infoNumber(await control.info('stats'), 'total_commands_processed') - before;
  await load?.stop();
  control.disconnect();
  await follower.stop();
  return {
    megabytesPerSecond: dataBytes / MEGABYTE / seconds,
    cpuSecondsPerGigabyte: cpu / (dataBytes / MEGABYTE / 1024),
    writesPerSecond: withLoad ? writes / lasted : Number.NaN,
  };
}

/** Small values on few keys: the data stays as it is. */
function loadCommand(): string[] {
  return ['SET', 'load:__rand_int__', 'x'.repeat(64)];
}

interface Work {
  seconds: number;
  /** Of processes that began with the work and ended with it. */
  ownCpuSeconds: number;
}

/** Until the replica is in step. */
async function replicate(follower: EngineProcess, { donor, door, side }: Run): Promise<Work> {
  const control = await connectControl(follower);
  let port = donor.engine.port;
  if (side === 'encrypted' && door !== null) {
    port = door.port;
    await control.call('CONFIG', 'SET', ...Object.entries(door.settings).flat());
  }
  const startMs = performance.now();
  await control.call('REPLICAOF', donor.engine.host, String(port));
  while (infoText(await control.info('replication'), 'master_link_status') !== 'up') {
    await sleep(POLL_MS);
  }
  control.disconnect();
  return { seconds: (performance.now() - startMs) / 1000, ownCpuSeconds: 0 };
}

/** Until the newcomer has engine and log. */
async function join(context: Context, donor: DonorRegion, follower: EngineProcess): Promise<Work> {
  const joined = await runJoin(await donor.newcomer(follower), context.cleanup);
  return { seconds: joined.seconds, ownCpuSeconds: joined.cpuSeconds };
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
  const both = (from: Record<Side, Synced[]>, of: keyof Synced, against: Side = 'plain') => ({
    baseline: best(from[against], of),
    candidate: best(from.member, of),
  });
  const rate = both(quiet, 'megabytesPerSecond');
  const isEncrypted = quiet.encrypted.length > 0;
  const encrypted = (row: Measurement): Measurement[] => (isEncrypted ? [row] : []);
  const cpu = { section, unit: 's' };
  return [
    {
      section,
      name: 'rate',
      unit: 'MB/s',
      ...rate,
      target: { of: 'ratio', bound: 'atLeast', limit: RATE_TARGET },
    },
    ...encrypted({
      section,
      name: 'rate, the replica over TLS',
      unit: 'MB/s',
      ...both(quiet, 'megabytesPerSecond', 'encrypted'),
    }),
    { ...cpu, name: 'CPU time per GB', ...both(quiet, 'cpuSecondsPerGigabyte') },
    ...encrypted({
      ...cpu,
      name: 'CPU time per GB, the replica over TLS',
      ...both(quiet, 'cpuSecondsPerGigabyte', 'encrypted'),
    }),
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
    ...encrypted({
      section,
      name: 'rate while clients write, the replica over TLS',
      unit: 'MB/s',
      ...both(busy, 'megabytesPerSecond', 'encrypted'),
    }),
    { section, name: 'their writes meanwhile', unit: 'ops/s', ...both(busy, 'writesPerSecond') },
    ...encrypted({
      section,
      name: 'their writes meanwhile, the replica over TLS',
      unit: 'ops/s',
      ...both(busy, 'writesPerSecond', 'encrypted'),
    }),
    { section, name: 'their writes without it', unit: 'ops/s', baseline: alone, candidate: alone },
  ];
}

/** What else runs on the machine only ever makes it slower, and dearer. */
function best(of: readonly Synced[], figure: keyof Synced): number {
  const figures = of.map((one) => one[figure]);
  return figure === 'cpuSecondsPerGigabyte' ? Math.min(...figures) : Math.max(...figures);
}
