// `atoll bench recovery`: how long a region takes to be itself again. Its replicator is killed while all regions are
// written to, and is caught up again when what is written shows on both sides within a moment; its engine is killed with
// all its data, and serves again when it has been filled and lets its clients write.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { findEngine } from '../src/engine/find.ts';
import type { GroupMember } from '../src/group/group-file.ts';
import type { LocalGroup } from '../src/group/local-group.ts';
import { waitUntilQuiet } from '../src/group/quiet.ts';
import { Cleanup } from './cleanup.ts';
import { connectControl, infoNumber } from './control.ts';
import { interruptibly } from './interrupt.ts';
import type { LoadOptions } from './load/messages.ts';
import { runLoad } from './load/run.ts';
import { startGroup } from './systems/regions.ts';

export interface RecoveryOptions {
  /** Writes per second, in two regions together. */
  readonly rate: number;
  /** Data in every engine when one is lost. */
  readonly megabytes: number;
  readonly rounds: number;
  readonly engine?: string | undefined;
  readonly plain?: boolean | undefined;
  log(line: string): void;
}

const REGIONS = ['eastus', 'westeurope', 'japaneast'] as const;
/** The one that fails. */
const FAILING = 'westeurope';
const MARKER = 'recovery-marker:';
const MEGABYTE = 1024 * 1024;
/** Of what is written while a replicator is killed; each region writes keys of its own. */
const WRITTEN_BYTES = 64;
/** Of what an engine is filled with. */
const VALUE_BYTES = 1024;
/** What a key with such a value takes in an engine. */
const KEY_BYTES = 1200;
const WARM_UP_SECONDS = 5;
/** Load goes on for so long around a restart. */
const LOAD_SECONDS = 30;
/** Caught up: what was written in each region so long ago shows in the other. */
const LEVEL_MS = 100;
const SECONDS_MAX = 300;
/** Who keeps up is level at some time within this. */
const KEEPS_UP_MS = 2_000;
const POLL_MS = 10;

/** Runs it all; 0 when it came to its end, 130 when it was interrupted. */
export async function benchRecovery(options: RecoveryOptions): Promise<number> {
  const cleanup = new Cleanup();
  return await interruptibly(cleanup, async () => {
    const engine = (await findEngine({ engine: options.engine })).path;
    const dir = mkdtempSync(join(tmpdir(), 'atoll-recovery-'));
    cleanup.defer(() => rmSync(dir, { recursive: true, force: true }));
    const { group } = await startGroup(
      { dir: join(dir, 'group'), engine, plain: options.plain ?? false, cleanup },
      { regions: REGIONS, supervise: true },
    );
    for (let round = 1; round <= options.rounds; round++) {
      const restart = await replicatorRestart(group, options, cleanup);
      const before = restart.keptUp ? '' : ' (which was too much before that, too)';
      options.log(
        `replicator killed under ${options.rate} writes/s${before}: answers after ${seconds(restart.answersMs)}, caught up after ${seconds(restart.caughtUpMs)}`,
      );
    }
    await fill(group, options, cleanup);
    for (let round = 1; round <= options.rounds; round++) {
      const { bytes, ms } = await engineLoss(group);
      options.log(
        `engine with ${(bytes / MEGABYTE).toFixed(0)} MB killed: serves again after ${seconds(ms)} (${(bytes / MEGABYTE / (ms / 1000)).toFixed(0)} MB/s)`,
      );
    }
    return 0;
  });
}

async function replicatorRestart(group: LocalGroup, options: RecoveryOptions, cleanup: Cleanup) {
  const writing = [FAILING, REGIONS[0]];
  const load = Promise.all(
    writing.map((region) => {
      const rate = options.rate / writing.length;
      const load = { ...loadOf(group, region), valueBytes: WRITTEN_BYTES, rate };
      return runLoad({ ...load, workload: 'setRandom', seconds: LOAD_SECONDS }, cleanup);
    }),
  );
  load.catch(() => undefined);
  await Promise.race([sleep(WARM_UP_SECONDS * 1000), load]);
  const level = new Levels(await clientsOf(group, writing));
  const keptUp = await isWithin(KEEPS_UP_MS, () => level.isReached());
  const { replicatorPid } = group.member(FAILING);
  const startMs = performance.now();
  process.kill(replicatorPid, 'SIGKILL');
  await until('its replicator runs again', async () => {
    const { members } = await group.status();
    const failing = members.find(({ region }) => region === FAILING);
    const isNew = group.member(FAILING).replicatorPid !== replicatorPid;
    return isNew && failing?.replicator?.engine.up === true;
  });
  const answersMs = performance.now() - startMs;
  await until('it has caught up', () => level.isReached());
  const caughtUpMs = performance.now() - startMs;
  level.close();
  await load;
  await waitUntilQuiet(group.quietMembers, SECONDS_MAX * 1000);
  return { keptUp, answersMs, caughtUpMs };
}

async function fill(group: LocalGroup, { megabytes }: RecoveryOptions, cleanup: Cleanup) {
  const keys = Math.round((megabytes * MEGABYTE) / KEY_BYTES);
  const load = loadOf(group, REGIONS[0]);
  await runLoad({ ...load, workload: 'set', keys, rate: 0, seconds: 0 }, cleanup);
  await waitUntilQuiet(group.quietMembers, SECONDS_MAX * 1000);
}

/** From the death of an engine until a client writes to what stands at its address. */
async function engineLoss(group: LocalGroup): Promise<{ bytes: number; ms: number }> {
  const { host, enginePort: port, enginePid } = group.member(FAILING);
  const control = await connectControl({ host, port });
  const bytes = infoNumber(await control.info('memory'), 'used_memory_dataset');
  control.disconnect();
  const client = new Redis({ host, port, enableReadyCheck: false, retryStrategy: () => POLL_MS });
  client.on('error', () => undefined);
  const startMs = performance.now();
  process.kill(enginePid, 'SIGKILL');
  try {
    await until('it serves again', async () => {
      const isServed = await client.set('recovery:served', '1').catch(() => null);
      // The dead engine may have answered once more.
      return isServed === 'OK' && group.member(FAILING).enginePid !== enginePid;
    });
    return { bytes, ms: performance.now() - startMs };
  } finally {
    client.disconnect();
    await waitUntilQuiet(group.quietMembers, SECONDS_MAX * 1000);
  }
}

/** How old what regions show of each other is. */
class Levels {
  readonly #clients: readonly Redis[];

  constructor(clients: readonly Redis[]) {
    this.#clients = clients;
  }

  async isReached(): Promise<boolean> {
    const now = String(Date.now());
    await Promise.all(this.#clients.map((client, i) => client.set(MARKER + i, now)));
    const ages = await Promise.all(
      this.#clients.flatMap((client, at) =>
        this.#clients.map(async (_, of) =>
          at === of ? 0 : Date.now() - Number((await client.get(MARKER + of)) ?? 0),
        ),
      ),
    );
    return ages.every((age) => age < LEVEL_MS);
  }

  close(): void {
    for (const client of this.#clients) client.disconnect();
  }
}

function clientsOf(group: LocalGroup, regions: readonly string[]): Promise<Redis[]> {
  return Promise.all(regions.map((region) => connectControl(endpointOf(group.member(region)))));
}

function loadOf(
  group: LocalGroup,
  region: string,
): Omit<LoadOptions, 'workload' | 'rate' | 'seconds'> {
  const endpoint = endpointOf(group.member(region));
  const keyPrefix = `recovery:${region}:`;
  return { endpoint, keyPrefix, keys: 100_000, valueBytes: VALUE_BYTES, connections: 4 };
}

function endpointOf({ host, enginePort }: GroupMember) {
  return { host, port: enginePort };
}

async function until(what: string, isReached: () => Promise<boolean>): Promise<void> {
  if (await isWithin(SECONDS_MAX * 1000, isReached)) return;
  throw new Error(`not within ${SECONDS_MAX} s: ${what}`);
}

async function isWithin(ms: number, isReached: () => Promise<boolean>): Promise<boolean> {
  const deadlineMs = performance.now() + ms;
  while (!(await isReached())) {
    if (performance.now() > deadlineMs) return false;
    await sleep(POLL_MS);
  }
  return true;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
