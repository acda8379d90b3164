// `atoll bench outage`: one of three regions is cut off while the others go on writing. What they keep for it, in
// memory and on disk, and how long it takes to catch up once it is back, while writes go on; or, once it is
// force-unlinked, how long until they have released what they kept.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { findEngine } from '../src/engine/find.ts';
import type { LocalGroup } from '../src/group/local-group.ts';
import { unlinkMembers } from '../src/group/membership.ts';
import { QuietWatch } from '../src/group/quiet.ts';
import type { ReplicatorStatus } from '../src/replicator/status.ts';
import { Cleanup } from './cleanup.ts';
import { connectControl, infoNumber } from './control.ts';
import { interruptibly } from './interrupt.ts';
import { runLoad } from './load/run.ts';
import type { WorkloadName } from './load/workloads.ts';
import { startGroup } from './systems/regions.ts';

export interface OutageOptions {
  readonly minutes: number;
  readonly keys: number;
  /** Writes per second, in both surviving regions together. */
  readonly rate: number;
  /** The absent region is force-unlinked in the end, and does not come back. */
  readonly unlink?: boolean | undefined;
  readonly engine?: string | undefined;
  readonly plain?: boolean | undefined;
  log(line: string): void;
}

const SURVIVORS = ['eastus', 'westeurope'] as const;
const ABSENT = 'japaneast';
const KEY_PREFIX = 'outage:';
const VALUE_BYTES = 32;
const MARKER = 'outage-marker:';

const SAMPLE_EVERY_MS = 5000;
const WARM_UP_SECONDS = 10;
/** While the absent region catches up, writes go on in stretches of this length. */
const STRETCH_SECONDS = 5;
/** A region is caught up when what was written so long ago shows there. */
const LEVEL_MS = 1000;
const QUIET_SECONDS_MAX = 600;
const RELEASE_POLL_MS = 200;
const MEGABYTE = 1024 * 1024;

/** Within so many seconds the survivors are to be as small as before, about. */
const RELEASE_SECONDS_TARGET = 10;
const ABOUT = 1.1;
const RELEASE_SECONDS_MAX = 120;

interface Sample {
  readonly rssBytes: number;
  readonly heapBytes: number;
  readonly indexBytes: number;
  readonly indexKeys: number;
  readonly mergedKeys: number;
  readonly diskBytes: number;
  readonly engineBytes: number;
}

/** Runs it all; 0 when it came to its end, 130 when it was interrupted. */
export async function benchOutage(options: OutageOptions): Promise<number> {
  const cleanup = new Cleanup();
  return await interruptibly(cleanup, () => run(options, cleanup).then(() => 0));
}

async function run(options: OutageOptions, cleanup: Cleanup): Promise<void> {
  const { log, minutes, rate, keys } = options;
  const engine = (await findEngine({ engine: options.engine })).path;
  const dir = mkdtempSync(join(tmpdir(), 'atoll-outage-'));
  cleanup.defer(() => rmSync(dir, { recursive: true, force: true }));
  const regions = [...SURVIVORS, ABSENT];
  const plain = options.plain ?? false;
  const { group } = await startGroup({ dir, engine, plain, cleanup }, { regions });
  const bench = await Outage.connect(group, options, cleanup);
  log(
    `${keys} keys, ${rate} writes/s in ${SURVIVORS.join(' and ')}, ${ABSENT} away for ${minutes} min`,
  );
  await bench.fill();
  await bench.write(WARM_UP_SECONDS);
  await bench.quiet();
  const before = await bench.sample('before');
  for (const region of SURVIVORS) await group.cut(ABSENT, region);
  const during = await bench.writeAndSample(minutes * 60, 'away');
  if (options.unlink) return await bench.unlink(await bench.sample('before the unlink'), before);
  const after = await bench.sample('before its return');
  for (const region of SURVIVORS) await group.heal(ABSENT, region);
  const caughtUpSeconds = await bench.writeUntilLevel(minutes * 60);
  await bench.sample('caught up');
  await bench.quiet();
  await sleep(SAMPLE_EVERY_MS);
  const end = await bench.sample('quiet');
  const sizes = await bench.sizes();
  const growth = (to: readonly Sample[], of: (s: Sample) => number): string =>
    to.map((s, i) => `${((of(s) - of(before[i] as Sample)) / MEGABYTE).toFixed(0)} MB`).join(', ');
  log('');
  log(`writes while away: ${during}`);
  log(`growth of the survivors' replicators (resident): ${growth(after, (s) => s.rssBytes)}`);
  log(
    `  of their heaps: ${growth(after, (s) => s.heapBytes)}; of their indexes: ${growth(after, (s) => s.indexBytes)}`,
  );
  log(`growth of the survivors' engines: ${growth(after, (s) => s.engineBytes)}`);
  log(
    `growth on disk: ${growth(after, (s) => s.diskBytes)}, ${bytesPerWrite(before, after, during)} bytes for each write`,
  );
  log(`caught up in ${caughtUpSeconds.toFixed(1)} s, of an outage of ${minutes * 60} s`);
  log(`left of the growth in the end (resident): ${growth(end, (s) => s.rssBytes)}`);
  log(`keys: ${sizes.join(', ')}`);
}

/** Without the buffers of connections, and the backlog that every engine fills up to its size. */
function engineBytes(info: string): number {
  const buffers = ['mem_replication_backlog', 'mem_clients_normal', 'mem_clients_slaves'];
  return buffers.reduce(
    (rest, name) => rest - infoNumber(info, name),
    infoNumber(info, 'used_memory'),
  );
}

function bytesPerWrite(
  before: readonly Sample[],
  after: readonly Sample[],
  writes: number,
): string {
  const [from, to] = [before[0], after[0]];
  if (from === undefined || to === undefined || writes === 0) return '?';
  return ((to.diskBytes - from.diskBytes) / writes).toFixed(0);
}

class Outage {
  readonly #group: LocalGroup;
  readonly #options: OutageOptions;
  readonly #cleanup: Cleanup;
  readonly #engines: ReadonlyMap<string, Redis>;
  readonly #watch: QuietWatch;

  private constructor(
    group: LocalGroup,
    options: OutageOptions,
    cleanup: Cleanup,
    engines: ReadonlyMap<string, Redis>,
  ) {
    this.#group = group;
    this.#options = options;
    this.#cleanup = cleanup;
    this.#engines = engines;
    this.#watch = new QuietWatch(group.quietMembers);
    cleanup.defer(() => this.#watch.close());
  }

  static async connect(group: LocalGroup, options: OutageOptions, cleanup: Cleanup) {
    const engines = new Map<string, Redis>();
    for (const { region, host, enginePort } of group.members) {
      engines.set(region, await connectControl({ host, port: enginePort }));
    }
    cleanup.defer(() => {
      for (const engine of engines.values()) engine.disconnect();
    });
    return new Outage(group, options, cleanup, engines);
  }

  /** Gives every key what it is going to hold, so that engines do not grow by the writes that count. */
  async fill(): Promise<void> {
    const { host, enginePort } = this.#group.member(SURVIVORS[0]);
    const { keys } = this.#options;
    await this.#load(
      'outageFill',
      { host, port: enginePort },
      { rate: 0, seconds: 0, writes: keys },
    );
    await this.quiet();
  }

  /** Returns the number of writes. */
  async write(seconds: number): Promise<number> {
    const loads = SURVIVORS.map((region) => {
      const { host, enginePort } = this.#group.member(region);
      const rate = this.#options.rate / SURVIVORS.length;
      return this.#load('outage', { host, port: enginePort }, { rate, seconds });
    });
    return (await Promise.all(loads)).reduce((sum, result) => sum + result.writes, 0);
  }

  async writeAndSample(seconds: number, title: string): Promise<number> {
    let writing = true;
    const writes = this.write(seconds).finally(() => {
      writing = false;
    });
    for (let due = performance.now() + SAMPLE_EVERY_MS; writing; due += SAMPLE_EVERY_MS) {
      while (writing && performance.now() < due) await sleep(100);
      if (writing) await this.sample(title);
    }
    return await writes;
  }

  /** Goes on writing until the absent region shows what was written a moment ago; returns the seconds. */
  async writeUntilLevel(secondsMax: number): Promise<number> {
    const startMs = performance.now();
    const level = this.#untilLevel(startMs + secondsMax * 2000);
    let isLevel = false;
    const done = level.finally(() => {
      isLevel = true;
    });
    while (!isLevel) await Promise.race([this.writeAndSample(STRETCH_SECONDS, 'back'), done]);
    return ((await level) - startMs) / 1000;
  }

  async #untilLevel(deadlineMs: number): Promise<number> {
    for (;;) {
      const ages = await Promise.all(SURVIVORS.map((region) => this.#ageOf(region)));
      if (ages.every((age) => age < LEVEL_MS)) return performance.now();
      if (performance.now() > deadlineMs) throw new Error(`${ABSENT} does not catch up`);
      await sleep(100);
    }
  }

  /** How old, in ms, what shows in the absent region of the writes of another. */
  async #ageOf(region: string): Promise<number> {
    const key = MARKER + region;
    await this.#engine(region).set(key, String(Date.now()));
    return Date.now() - Number((await this.#engine(ABSENT).get(key)) ?? 0);
  }

  async quiet(): Promise<void> {
    await this.#watch.wait(QUIET_SECONDS_MAX * 1000);
  }

  async sizes(): Promise<string[]> {
    return await Promise.all(
      [...this.#engines].map(async ([region, engine]) => `${region} ${await engine.dbsize()}`),
    );
  }

  /** Of the survivors. */
  async sample(title: string): Promise<Sample[]> {
    const { members } = await this.#group.status();
    const samples: Sample[] = [];
    for (const { region, replicator } of members) {
      if (replicator === null && region === ABSENT) continue;
      const sample = await this.#sampleOf(region, replicator);
      this.#options.log(`${title.padEnd(18)} ${region.padEnd(11)} ${inWords(sample)}`);
      if (region !== ABSENT) samples.push(sample);
    }
    return samples;
  }

  async #survivors(): Promise<Sample[]> {
    const { members } = await this.#group.status();
    const staying = members.filter(({ region }) => region !== ABSENT);
    return await Promise.all(
      staying.map(({ region, replicator }) => this.#sampleOf(region, replicator)),
    );
  }

  async #sampleOf(region: string, replicator: ReplicatorStatus | null): Promise<Sample> {
    if (replicator === null) throw new Error(`the replicator of ${region} does not answer`);
    const { memory, liveIndex, logBytes } = replicator;
    return {
      rssBytes: memory.rssBytes,
      heapBytes: memory.heapBytes,
      indexBytes: liveIndex.bytes ?? 0,
      indexKeys: liveIndex.keys,
      mergedKeys: liveIndex.merged ?? 0,
      diskBytes: logBytes + (liveIndex.diskBytes ?? 0),
      engineBytes: engineBytes(await this.#engine(region).info('memory')),
    };
  }

  /** Until the survivors take as much as before, or the patience ends. */
  async unlink(from: readonly Sample[], to: readonly Sample[]): Promise<void> {
    const { log } = this.#options;
    const startMs = performance.now();
    const seconds = (): number => (performance.now() - startMs) / 1000;
    let isUnlinked = false;
    const unlinking = unlinkMembers(this.#group.dir, [ABSENT]).then(() => {
      isUnlinked = true;
      log(`force-unlinked after ${seconds().toFixed(1)} s`);
    });
    const names = ['rssBytes', 'diskBytes'] as const;
    const reached = new Map<(typeof names)[number], number>();
    let now: readonly Sample[] = from;
    while (seconds() < RELEASE_SECONDS_MAX && !(isUnlinked && reached.size === names.length)) {
      await Promise.race([sleep(RELEASE_POLL_MS), ...(isUnlinked ? [] : [unlinking])]);
      now = (await this.#survivors().catch(() => undefined)) ?? now;
      for (const name of names) {
        const total = (of: readonly Sample[]) => of.reduce((sum, one) => sum + one[name], 0);
        const isSmall = total(now) <= total(to) * ABOUT;
        // Once small, it is to stay so.
        if (!isSmall) reached.delete(name);
        else if (isUnlinked && !reached.has(name)) reached.set(name, seconds());
      }
    }
    await unlinking;
    await this.sample('unlinked');
    const sizes = (of: readonly Sample[], name: (typeof names)[number]): string =>
      of.map((s) => `${(s[name] / MEGABYTE).toFixed(0)} MB`).join(', ');
    const target = `target: ${RELEASE_SECONDS_TARGET} s`;
    log('');
    for (const name of names) {
      const after = reached.get(name);
      const words = after === undefined ? `not within ${RELEASE_SECONDS_MAX}` : after.toFixed(1);
      const path = [to, from, now].map((of) => sizes(of, name)).join(' -> ');
      const what = name === 'rssBytes' ? 'memory (resident)' : 'disk';
      log(`${what} of the survivors' replicators as before after ${words} s (${target}): ${path}`);
    }
  }

  #engine(region: string): Redis {
    const engine = this.#engines.get(region);
    if (engine === undefined) throw new Error(`no engine in ${region}`);
    return engine;
  }

  #load(
    workload: WorkloadName,
    endpoint: { host: string; port: number },
    pace: { rate: number; seconds: number; writes?: number },
  ) {
    const { keys } = this.#options;
    const size = { keyPrefix: KEY_PREFIX, keys, valueBytes: VALUE_BYTES, connections: 4 };
    return runLoad({ workload, endpoint, ...size, ...pace }, this.#cleanup);
  }
}

function inWords(sample: Sample): string {
  const megabytes = (bytes: number) => `${(bytes / MEGABYTE).toFixed(0)} MB`;
  return [
    `replicator ${megabytes(sample.rssBytes)} (heap ${megabytes(sample.heapBytes)})`,
    `index ${sample.indexKeys} keys, ${sample.mergedKeys} merged, ${megabytes(sample.indexBytes)}`,
    `disk ${megabytes(sample.diskBytes)}`,
    `engine ${megabytes(sample.engineBytes)}`,
  ].join('; ');
}
