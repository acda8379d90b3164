// A chaos run: clients write in all regions of a real group while links are cut, processes die and hang, and members
// are lost, given up and taken in; then everything is healed, and every region must show the same, with every write
// that was answered in it exactly once, but for what an engine took with it.
//
// What goes wrong follows from the seed; when exactly, and what the clients meet, does not.

import { rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findEngine } from '../../src/engine/find.ts';
import { isRunning } from '../../src/engine/pid.ts';
import { engineOf, replicatorOf } from '../../src/group/group-file.ts';
import { LocalGroup } from '../../src/group/local-group.ts';
import { waitUntilQuiet } from '../../src/group/quiet.ts';
import { contentOf } from '../e2e/support/content.ts';
import { crashesIn } from '../e2e/support/crashes.ts';
import { Random } from '../sim/random.ts';
import { check } from './check.ts';
import { ENGINE_HUNG_AFTER_MS, Faults } from './faults.ts';
import { History } from './history.ts';
import { grown, type MemberMemory, memoryOf } from './memory.ts';
import { Networks } from './networks.ts';
import { CLIENT_PASSWORD, Watch } from './watch.ts';
import { Elements, SOON_MS_MAX, Writer } from './writer.ts';

export interface ChaosOptions {
  readonly minutes: number;
  readonly seed: number;
  readonly regions: number;
  /** Every engine has a standby. */
  readonly standbys?: boolean | undefined;
  readonly log?: (line: string) => void;
  readonly signal?: AbortSignal;
}

export interface ChaosResult {
  readonly ok: boolean;
  readonly problems: readonly string[];
  readonly seed: number;
  readonly regions: number;
  readonly seconds: number;
  readonly writes: number;
  readonly refused: number;
  readonly unanswered: number;
  readonly mayBeLost: number;
  readonly faults: Record<string, number>;
  readonly changesRefused: Record<string, number>;
  /** What this run was like. */
  readonly notes: readonly string[];
  readonly recoverySecondsMax: number;
  readonly convergedAfterSeconds: number;
  readonly memory: Memory;
  /** The folder of the group, kept when something is wrong. */
  readonly dir: string | null;
  readonly again: string;
}

interface Memory {
  readonly before: readonly MemberMemory[];
  readonly after: readonly MemberMemory[];
  readonly replicatorBytesMax: number;
}

const REGIONS = ['eastus', 'westeurope', 'japaneast', 'brazilsouth', 'australiaeast'];
const WRITERS = 2;
const QUIET_TIMEOUT_MS = 90_000;
const HEAL_EVERY_MS = 1_000;
const WARM_UP_MS = 5_000;

export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const startedMs = performance.now();
  const log = (line: string): void => {
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    options.log?.(`${seconds.padStart(7)} s  ${line}`);
  };
  const parent = await mkdtemp(join(tmpdir(), 'atoll-chaos-'));
  const dir = join(parent, 'group');
  const regions = REGIONS.slice(0, options.regions);
  const wan = new Random(options.seed + 2).chance(0.5);
  const networks = Networks.make(regions, parent);
  const notes = [
    typeof networks === 'string' ? `left out: links that are set down: ${networks}` : null,
    wan ? 'links are as slow as distances make them' : null,
  ].filter((note) => note !== null);
  for (const note of notes) log(note);
  let result: ChaosResult | null = null;
  let run: Run | null = null;
  try {
    const group = await LocalGroup.up({
      dir,
      regions,
      owned: true,
      standby: options.standbys,
      engineHungAfterMs: ENGINE_HUNG_AFTER_MS,
      wan,
      clientPassword: CLIENT_PASSWORD,
      replicatorScript: join(import.meta.dirname, 'replicator.ts'),
      ...(networks instanceof Networks
        ? { hosts: networks.hosts, engine: networks.engineIn(parent, (await findEngine({})).path) }
        : {}),
    });
    run = new Run(options, group, networks instanceof Networks ? networks : null, regions, log);
    result = { ...(await run.all()), notes };
  } finally {
    const keep = result !== null && !result.ok;
    await run?.end(keep);
    if (networks instanceof Networks) networks.remove();
    if (!keep) rmSync(parent, { recursive: true, force: true });
  }
  const left = run?.leftProcesses() ?? [];
  const problems = [...result.problems, ...left.map((name) => `still runs: ${name}`)];
  const seconds = (performance.now() - startedMs) / 1000;
  return { ...result, ok: problems.length === 0, problems, seconds };
}

class Run {
  readonly #options: ChaosOptions;
  readonly #group: LocalGroup;
  readonly #networks: Networks | null;
  readonly #regions: readonly string[];
  readonly #log: (line: string) => void;
  readonly #history = new History();
  readonly #watch: Watch;
  readonly #faults: Faults;
  readonly #watching = new AbortController();
  #watched: Promise<void> = Promise.resolve();

  constructor(
    options: ChaosOptions,
    group: LocalGroup,
    networks: Networks | null,
    regions: readonly string[],
    log: (line: string) => void,
  ) {
    this.#options = options;
    this.#group = group;
    this.#networks = networks;
    this.#regions = regions;
    this.#log = log;
    this.#watch = new Watch(group);
    this.#faults = new Faults({
      group,
      networks,
      regions,
      standbys: options.standbys === true,
      random: new Random(options.seed),
      history: this.#history,
      watch: this.#watch,
      log,
    });
  }

  async all(): Promise<ChaosResult> {
    this.#watched = this.#watch.run(this.#watching.signal);
    const problems: string[] = [];
    let convergedAfterMs = 0;
    let [before, after]: (readonly MemberMemory[])[] = [[], []];
    try {
      before = await this.#disturbed();
      const healedMs = performance.now();
      await this.#healed();
      convergedAfterMs = performance.now() - healedMs;
      this.#log(`all linked and quiet after ${(convergedAfterMs / 1000).toFixed(1)} s`);
      const contents = await Promise.all(
        this.#members().map((member) => contentOf({ ...member, clientPassword: CLIENT_PASSWORD })),
      );
      problems.push(...check(this.#history, contents, this.#regions));
      if (problems.length > 0) this.#keepHistory();
      after = await memoryOf(this.#group);
      problems.push(...grown(before ?? [], after));
    } catch (error) {
      problems.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
    problems.push(...crashesIn(this.#group.dir, this.#regions));
    return this.#result(problems, convergedAfterMs, {
      before: before ?? [],
      after: after ?? [],
      replicatorBytesMax: this.#watch.rssBytesMax,
    });
  }

  async end(keep: boolean): Promise<void> {
    this.#watching.abort();
    await this.#watched;
    this.#continueAll();
    this.#watch.note();
    await this.#group.down({ keep });
  }

  leftProcesses(): string[] {
    return this.#watch.leftProcesses();
  }

  /** Clients write and faults come until the time is over. Throws what kept a fault from being survived; resolves to
   * the memory before the first one. */
  async #disturbed(): Promise<readonly MemberMemory[]> {
    const { seed, minutes, signal } = this.#options;
    const stop = new AbortController();
    const stopNow = (): void => stop.abort();
    signal?.addEventListener('abort', stopNow, { once: true });
    const stopWriting = new AbortController();
    const random = new Random(seed + 1);
    const [elements, history, group] = [new Elements(), this.#history, this.#group];
    const writing = this.#regions.flatMap((region) =>
      Array.from({ length: WRITERS }, (_, i) => {
        const own = new Random(random.below(2 ** 31));
        const name = `${region}-${i}`;
        const password = CLIENT_PASSWORD;
        const shared = { group, region, password, history, elements };
        return new Writer({ ...shared, name, random: own }).run(stopWriting.signal);
      }),
    );
    const faults: Promise<void>[] = [];
    let timer: NodeJS.Timeout | undefined;
    try {
      // What the program needs for the work as such is no growth.
      await delay(WARM_UP_MS, undefined, { signal: stop.signal }).catch(() => undefined);
      const before = await memoryOf(group);
      timer = setTimeout(stopNow, minutes * 60_000);
      faults.push(this.#faults.small(stop.signal), this.#faults.great(stop.signal));
      await Promise.all(faults);
      return before;
    } finally {
      clearTimeout(timer);
      stopNow();
      stopWriting.abort();
      await Promise.allSettled([...writing, ...faults]);
    }
  }

  /** No link is cut, nothing hangs, all take part and have everything; what expires soon has expired. */
  async #healed(): Promise<void> {
    this.#log('healing everything');
    const lastWriteMs = performance.now();
    this.#continueAll();
    for (const region of this.#regions) this.#networks?.set(region, 'up');
    await this.#faults.whole();
    const healing = setInterval(() => {
      void this.#group.heal().catch(() => undefined);
    }, HEAL_EVERY_MS);
    try {
      await this.#group.heal().catch(() => undefined);
      await this.#faults.letHeldThrough();
      await waitUntilQuiet(this.#group.quietMembers, QUIET_TIMEOUT_MS);
      await delay(Math.max(0, lastWriteMs + SOON_MS_MAX + 1_000 - performance.now()));
      await waitUntilQuiet(this.#group.quietMembers, QUIET_TIMEOUT_MS);
    } finally {
      clearInterval(healing);
    }
  }

  /** For whoever looks for the fault. */
  #keepHistory(): void {
    const { counted, added, removed, versions, windows } = this.#history;
    const text = JSON.stringify({ windows, removed, added, versions, counted });
    writeFileSync(join(this.#group.dir, '..', 'history.json'), text);
  }

  #members() {
    return this.#regions.map((region) => this.#group.member(region));
  }

  #continueAll(): void {
    const { dir, members } = this.#group;
    for (const member of members) {
      for (const known of [engineOf(dir, member), replicatorOf(dir, member)]) {
        if (isRunning(known)) process.kill(known.pid, 'SIGCONT');
      }
    }
  }

  #result(problems: readonly string[], convergedAfterMs: number, memory: Memory): ChaosResult {
    const { seed, minutes, regions, standbys } = this.#options;
    const { recoveriesMs, counts, refusals } = this.#faults;
    return {
      ok: problems.length === 0,
      problems,
      seed,
      regions,
      seconds: 0,
      writes: this.#history.writes,
      refused: this.#history.refused,
      ...this.#history.uncertain(),
      faults: counts,
      changesRefused: Object.fromEntries(refusals),
      notes: [],
      recoverySecondsMax: Math.max(0, ...recoveriesMs) / 1000,
      convergedAfterSeconds: convergedAfterMs / 1000,
      memory,
      dir: problems.length === 0 ? null : this.#group.dir,
      again: `./atoll chaos --minutes ${minutes} --seed ${seed} --regions ${regions}${standbys === true ? ' --standby' : ''}`,
    };
  }
}
