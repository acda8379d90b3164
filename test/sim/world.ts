// A simulated group: N regions, clients, faults, all on one thread and in virtual time. One seed decides
// everything. Two phases, as in TigerBeetle's VOPR: first anything may happen; then all faults end, and the
// group must become quiet and equal within bounded time.

import { isHyperLogLog } from '../../src/model/hyperloglog.ts';
import type { ReplicaId } from '../../src/model/version-vector.ts';
import { Answered } from './answered.ts';
import { checkCounts, checkNone, checkRecords, conflictsOf } from './conflict-check.ts';
import { Membership } from './membership.ts';
import type { ModelClient } from './model-engine/model-client.ts';
import type { KeyContent } from './model-engine/model-engine.ts';
import type { ModelReply } from './model-engine/reply.ts';
import { Network } from './network.ts';
import { Overruns } from './overruns.ts';
import { Random } from './random.ts';
import { Region } from './region.ts';
import { Schedule } from './schedule.ts';
import { Workload, type Write } from './workload.ts';
import { checkMessages, checkWorkload } from './workload-check.ts';

const START_MS = 1_700_000_000_000;
const DAMAGING: ReadonlySet<string> = new Set(['APPEND', 'SETRANGE', 'SETBIT', 'BITFIELD']);
/** An XSETID that slipped in, which WATCH does not see, has this refused; then the stream is settled. */
const SLIPPED_IN = /XADD is equal or smaller/;
/** And a last ID below entries that were missed; then the stream is asserted. */
const BELOW_MISSED = /XSETID is smaller/;
const QUIET_WITHIN_MS = 60_000;
const NONE: ReadonlySet<string> = new Set();
const HOUR_MS = 3_600_000;

export interface WorldOptions {
  readonly seed: number;
  /** Writes made by clients, over all regions. */
  readonly writes?: number;
  /** A region writes when all regions have all that was written before: nothing is concurrent. */
  readonly takeTurns?: boolean;
  /** Members join, are lost for good, or lose their engines. */
  readonly membership?: boolean;
  /** Members become stale, come back or not, and join. */
  readonly stale?: boolean;
  /** The clock of one region jumps, up to an hour either way, and comes back. */
  readonly clockJumps?: boolean;
  /** Engines have standbys, which die, or take the place of engines that die. */
  readonly standbys?: boolean;
  /** Regions assign the same few keys again and again, and logs have many segments: much of them is superseded. */
  readonly assigns?: boolean;
  /** Replicators are away for longer than the backlogs of their engines reach back. */
  readonly overruns?: boolean;
  /** Called with a line for everything that happens. */
  readonly trace?: (line: string) => void;
}

export interface WorldResult {
  readonly seed: number;
  readonly regions: number;
  readonly writes: number;
  readonly crashes: number;
  readonly cuts: number;
  readonly conflicts: number;
  readonly retries: number;
  readonly races: number;
  /** Ops that were taken out of logs. */
  readonly superseded: number;
  /** How often a region held writes of a peer whose clock was ahead. */
  readonly holds: number;
  /** Changes of the membership. */
  readonly changes: number;
  /** How often a standby took its engine's place, and what clients had been answered that it had not. */
  readonly promotions: number;
  readonly lostWrites: number;
  /** How often writes of an engine were missed, and had not been mended before. */
  readonly overruns: number;
}

/** What went wrong, with the seed that shows it. */
export class SimulationFailure extends Error {
  constructor(seed: number, message: string) {
    super(`seed ${seed}: ${message}`);
    this.name = 'SimulationFailure';
  }
}

export function simulate(options: WorldOptions): WorldResult {
  return new World(options).run();
}

class World {
  readonly #options: WorldOptions;
  readonly #random: Random;
  readonly #schedule = new Schedule(START_MS);
  readonly #network: Network;
  readonly #regions: Region[];
  readonly #membership: Membership | undefined;
  readonly #overruns: Overruns | undefined;
  readonly #workload: Workload;
  readonly #answered = new Answered();
  readonly #writes: number;
  readonly #crashing: boolean;
  readonly #cutting: boolean;
  #faultsOver = false;
  #quietWithinMs = QUIET_WITHIN_MS;
  #crashes = 0;
  #cuts = 0;
  #promotions = 0;
  #lostWrites = 0;
  #superseded = 0;
  /** What clients were answered: behind which offset of which stream, and what takes it back. */
  readonly #promises = new Map<Region, { offset: number; forget: () => void }[]>();
  /** Between a client's writes, about, in ms. */
  #pace = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    const random = new Random(options.seed);
    this.#random = random;
    this.#network = new Network(random, this.#schedule);
    const count = random.pick([2, 2, 3, 3, 3, 4, 5]);
    const ids = Array.from({ length: count }, (_, i) => i + 1);
    const skewed = random.chance(0.4);
    // Modules differ in that.
    const jsonSetEndsExpiry = random.chance(0.5);
    const newRegion = (id: ReplicaId, members: readonly ReplicaId[]) => {
      const skewMs = skewed ? Math.round(random.between(-3000, 3000)) : random.below(3);
      const { trace } = options;
      const region = new Region(
        id,
        members,
        skewMs,
        random,
        this.#schedule,
        this.#network,
        jsonSetEndsExpiry,
      );
      if (trace !== undefined) region.trace = (line) => this.#trace(line);
      return region;
    };
    this.#regions = ids.map((id) => newRegion(id, ids));
    const farMs = random.pick([1, 5, 40, 120]);
    this.#network.connect(this.#regions, () => random.between(0.2, farMs));
    this.#writes = options.writes ?? 60 + random.below(140);
    this.#crashing = random.chance(0.5);
    this.#cutting = random.chance(0.6);
    this.#workload = new Workload(random, {
      keys: 1 + random.below(3),
      mixTypes: random.pick([0, 0.05, 0.3]),
      floats: random.chance(0.4),
      // Keys that expire are removed by each region on its own.
      expiry: random.chance(0.6) && options.takeTurns !== true,
      opaque: random.chance(0.5),
    });
    if (options.overruns === true) {
      this.#overruns = new Overruns(this.#regions, random, this.#schedule);
    }
    if (options.membership !== true && options.stale !== true) return;
    this.#membership = new Membership({
      regions: this.#regions,
      network: this.#network,
      random,
      schedule: this.#schedule,
      newRegion,
      onJoined: (region) => {
        if (options.standbys === true) region.giveStandby();
        this.#planWrites(region);
        this.#planExpiryCycles(region);
      },
      trace: (line) => this.#trace(line),
      stale: options.stale === true,
    });
  }

  run(): WorldResult {
    for (const region of this.#regions) {
      const { key, document } = this.#workload.document;
      region.run(region.engine.connect(), ['JSON.SET', key, '$', document]);
      region.start();
      if (this.#options.standbys === true) region.giveStandby();
    }
    if (this.#options.takeTurns === true) this.#planTurns();
    else {
      this.#pace = this.#random.pick([0.3, 2, 10, 30]);
      for (const region of this.#regions) this.#planWrites(region);
    }
    for (const region of this.#regions) this.#planExpiryCycles(region);
    this.#planFaults();
    if (this.#options.clockJumps === true) this.#planClockJumps();
    const schedule = this.#schedule;
    let left = this.#writes;
    this.#onWrite = () => left--;
    while (left > 0 || this.#membership?.isChanging === true) {
      if (!schedule.step(Number.POSITIVE_INFINITY)) this.#fail('time stood still');
    }
    this.#endFaults();
    this.#becomeQuiet();
    this.#check();
    return this.#result();
  }

  #onWrite: () => void = () => {};

  #planWrites(region: Region): void {
    const random = this.#random;
    const client = region.engine.connect();
    const next = (): void => {
      if (this.#faultsOver || !this.#regions.includes(region)) return;
      if (region.heldForMs > 0) {
        this.#schedule.after(Math.min(region.heldForMs, 0.2), next);
        return;
      }
      if (this.#membership?.rests(region) !== true) this.#write(region, client);
      this.#schedule.after(random.between(0, 2 * this.#pace), next);
    };
    this.#schedule.after(random.between(0, 2 * this.#pace), next);
  }

  #planTurns(): void {
    const random = this.#random;
    const clients = this.#regions.map((region) => ({ region, client: region.engine.connect() }));
    const next = (): void => {
      if (this.#faultsOver) return;
      if (this.#isLevel()) {
        const { region, client } = random.pick(clients);
        this.#write(region, client);
      }
      this.#schedule.after(random.between(1, 5), next);
    };
    this.#schedule.after(1, next);
  }

  #write(region: Region, client: ModelClient): void {
    const isAssign = this.#options.assigns === true && this.#random.chance(0.7);
    const write = isAssign ? [this.#assign(region)] : this.#workload.next(region.now);
    if (this.#addsToDamaged(region, write)) {
      this.#workload.forgetLast();
      return;
    }
    const forgets = [this.#workload.forgetLast];
    if (write.length > 1) region.run(client, ['MULTI']);
    for (const args of write) {
      const reply = region.run(client, args);
      const forget = this.#notePopped(args, reply);
      if (forget !== undefined) forgets.push(forget);
      this.#answered.note(region, args, reply);
      this.#trace(() => `${region.id}> ${args.join(' ')} -> ${JSON.stringify(reply)}`);
    }
    if (write.length > 1) region.run(client, ['EXEC']);
    if (this.#options.standbys === true) this.#notePromise(region, forgets);
    this.#onWrite();
  }

  /** Mostly of a key of its own, and mostly a SET. */
  #assign(region: Region): string[] {
    const random = this.#random;
    const owner = random.chance(0.85) ? region : random.pick(this.#regions);
    const key = `assigned${owner.id}-${random.below(3)}`;
    const value = String(random.below(100));
    const set = ['SET', key, value];
    return random.pick([
      ...Array.from({ length: 12 }, () => set),
      [...set, 'PX', '5000'],
      [...set, 'KEEPTTL'],
      ['INCR', key],
      ['APPEND', key, value],
      ['DEL', key],
      ['PEXPIRE', key, '90000'],
      ['SADD', key, value],
      ['RPUSH', key, value],
    ]);
  }

  #planExpiryCycles(region: Region): void {
    const cycle = (): void => {
      if (region.heldForMs === 0) region.engine.activeExpire(region.now);
      this.#schedule.after(this.#random.between(20, 150), cycle);
    };
    this.#schedule.after(this.#random.between(20, 150), cycle);
  }

  #planFaults(): void {
    const random = this.#random;
    const rotates = random.chance(0.5);
    const fault = (): void => {
      if (this.#faultsOver) return;
      if (this.#crashing && random.chance(0.4)) this.#crashOne();
      if (this.#cutting && random.chance(0.6)) this.#cutOne();
      if (random.chance(0.2)) random.pick(this.#regions).reconnectStream();
      if (this.#overruns && random.chance(0.15)) {
        this.#overruns.loseStream(random.pick(this.#regions));
      }
      if (random.chance(0.3)) random.pick(this.#regions).reconnectEngine();
      if (this.#options.assigns === true) for (const one of this.#regions) one.rotateLog();
      if (rotates && random.chance(0.3)) random.pick(this.#regions).rotateLog();
      for (const region of this.#regions) {
        region.releaseLog();
        this.#superseded += region.compactLog();
      }
      if (this.#membership !== undefined && random.chance(0.2)) this.#membership.change();
      if (this.#options.standbys === true && random.chance(0.5)) this.#disturbStandby();
      this.#schedule.after(random.between(1, 120), fault);
    };
    this.#schedule.after(random.between(1, 60), fault);
  }

  /** The replicator there may learn of it, or not: then the others hold what it stamps. */
  #planClockJumps(): void {
    const random = this.#random;
    const region = random.pick(this.#regions);
    region.knowsJump = random.chance(0.3);
    const limitMs = random.pick([1000, 10_000, 60_000]);
    for (const { core } of this.#regions) if (core) core.clockGuard.maxAheadMs = limitMs;
    for (const one of this.#regions) one.maxAheadMs = limitMs;
    const jump = (): void => {
      if (this.#faultsOver) return;
      const next = region.jumpMs === 0 ? Math.round(random.between(-1, 1) * HOUR_MS) : 0;
      this.#trace(() => `clock of ${region.id}: ${next} ms`);
      region.setClock(next);
      this.#schedule.after(random.between(5, 300), jump);
    };
    this.#schedule.after(random.between(5, 200), jump);
  }

  /** The clock is right again; what is still held is let through, or gets the time that it takes. */
  #endClockJumps(): void {
    if (this.#options.clockJumps !== true) return;
    for (const region of this.#regions) region.setClock(0);
    if (this.#random.chance(0.05)) this.#quietWithinMs += HOUR_MS;
    else for (const region of this.#regions) region.liftClockLimit();
  }

  #crashOne(): void {
    const region = this.#random.pick(this.#regions);
    if (!region.isRunning) return;
    this.#crashes++;
    const isTold = this.#random.chance(0.25);
    this.#trace(() => `replicator ${region.id} ${isTold ? 'stops' : 'crashes'}`);
    region.crash(isTold);
    this.#schedule.after(this.#random.between(5, 200), () => this.#restart(region));
  }

  #restart(region: Region): void {
    if (region.isRunning || !this.#regions.includes(region)) return;
    this.#overruns?.overrun(region);
    this.#trace(() => `replicator ${region.id} starts`);
    region.start();
    this.#network.pumpAll();
  }

  #cutOne(): void {
    const a = this.#random.pick(this.#regions);
    const b = this.#random.pick(this.#regions);
    if (a === b) return;
    this.#cuts++;
    this.#trace(() => `cut ${a.id} | ${b.id}`);
    this.#network.setCut(a, b, true);
    this.#schedule.after(this.#random.between(5, 400), () => {
      this.#trace(() => `heal ${a.id} | ${b.id}`);
      this.#network.setCut(a, b, false);
    });
  }

  #endFaults(): void {
    this.#faultsOver = true;
    this.#trace(() => 'faults end');
    for (const region of this.#regions) this.#restart(region);
    this.#network.healAll();
    this.#endClockJumps();
  }

  /** Everybody has everything, nothing is under way, and no key is about to expire. */
  #becomeQuiet(): void {
    const until = this.#schedule.now + this.#quietWithinMs;
    let checkAt = this.#schedule.now;
    while (this.#schedule.step(until)) {
      if (this.#schedule.now < checkAt) continue;
      checkAt = this.#schedule.now + 25;
      if (this.#isQuiet()) return;
    }
    this.#fail(`not quiet after ${this.#quietWithinMs} ms: ${this.#whyNotQuiet()}`);
  }

  /** What any region has written is visible in all. */
  #isLevel(): boolean {
    const first = JSON.stringify(this.#regions[0]?.core?.published.visible);
    return this.#regions.every(
      (r) => r.isQuiet && JSON.stringify(r.core?.published.visible) === first,
    );
  }

  #isQuiet(): boolean {
    // What has expired here may have been put off elsewhere, and is there until the DEL comes.
    if (this.#options.clockJumps === true) {
      for (const { engine, now } of this.#regions) engine.activeExpire(now);
    }
    if (this.#regions.some((r) => r.gap.isOpen || r.core?.index.opCount !== 0)) return false;
    if (!this.#isLevel()) return false;
    // Keys whose time comes within the skew of the clocks would look different at one instant.
    return this.#regions.every(
      (r) =>
        r.engine.nextFieldExpiryMs > r.now + 10_000 &&
        r.engine.dump(r.now).every((k) => (k.expiresAtMs ?? Infinity) > r.now + 10_000),
    );
  }

  #whyNotQuiet(): string {
    return this.#regions
      .map((r) => {
        const c = r.core;
        return (
          `region ${r.id}: idle ${c?.isIdle}, waiting ${c?.applying.waiting}, ` +
          `captured ${c?.capturedOffset} of ${r.engine.offset}, index ${c?.index.opCount}, ` +
          `gap ${r.gap.isOpen}, ` +
          `visible ${JSON.stringify(c?.published.visible)}`
        );
      })
      .join('; ');
  }

  #check(): void {
    for (const { id, notices } of this.#regions) {
      const refused = notices.find(
        (notice) =>
          /refused: .*(script|XADD|XSETID|interval)/i.test(notice) &&
          !SLIPPED_IN.test(notice) &&
          !(this.#overruns && BELOW_MISSED.test(notice)),
      );
      if (refused !== undefined) this.#fail(`region ${id}: ${refused}`);
    }
    const dumps = this.#regions.map((r) => new Map(r.engine.dump(r.now).map((k) => [k.key, k])));
    const keys = new Set(dumps.flatMap((d) => [...d.keys()]));
    for (const key of [...keys].sort()) {
      const contents = dumps.map((d) => JSON.stringify(this.#comparable(d.get(key))));
      if (contents.some((c) => c !== contents[0])) {
        const shown = contents.map((c, i) => `\n  ${this.#regions[i]?.id}: ${c}`).join('');
        this.#fail(`regions differ on ${key}:${shown}`);
      }
    }
    this.#checked(() => {
      const shown = dumps[0] as Map<string, KeyContent>;
      this.#checkWrites(shown);
      // Who joins has missed some, and engines that take the place of others were told of what those had received.
      const isPlain =
        this.#membership === undefined && this.#options.standbys !== true && !this.#overruns;
      if (isPlain)
        for (const { id, received } of this.#regions) checkMessages(id, received, this.#workload);
      // A member has no records of what it met before it joined.
      if (this.#membership === undefined) checkRecords(this.#regions);
      checkCounts(this.#regions);
      if (this.#options.takeTurns === true) checkNone(this.#regions);
    });
  }

  #checkWrites(shown: Map<string, KeyContent>): void {
    const uncertain = this.#overruns === undefined ? NONE : this.#overruns.uncertain;
    if (uncertain !== undefined && this.#membership?.lossy !== true) {
      checkWorkload(shown, this.#workload, uncertain);
    }
    if (this.#overruns === undefined) this.#answered.check(shown, this.#regions);
  }

  /** What was due by a clock that was wrong was put off by it: there it may end later than elsewhere, and the DEL
   * of those where it ends in time ends it everywhere. */
  #comparable(content: KeyContent | undefined): object | null {
    if (content === undefined) return null;
    if (this.#options.clockJumps !== true) return content;
    return { ...content, expiresAtMs: content.expiresAtMs !== undefined };
  }

  /** A string that only looks like a HyperLogLog, because a string command has changed one: the engine adds to
   * it all the same, and what comes of that depends on its bytes. */
  #addsToDamaged(region: Region, write: Write): boolean {
    const adds = write.filter(([name]) => name?.startsWith('PF'));
    if (adds.length === 0) return false;
    if (write.some(([name = '']) => DAMAGING.has(name))) return true;
    const client = region.engine.connect();
    return adds.flat().some((key) => {
      const reply = region.run(client, ['GET', key]);
      const text = reply.kind === 'bulk' ? reply.text : '';
      return text.startsWith('HYLL') && !isHyperLogLog(text);
    });
  }

  #notePopped(args: readonly string[], reply: ModelReply): (() => void) | undefined {
    const isPop = args[0] === 'LPOP' || args[0] === 'RPOP';
    if (!isPop || args[1] !== this.#workload.queue.key || reply.kind !== 'bulk') return undefined;
    return this.#workload.notePopped(reply.text);
  }

  #notePromise(region: Region, forgets: readonly (() => void)[]): void {
    const promises = this.#promises.get(region) ?? [];
    this.#promises.set(region, promises);
    const forget = () => {
      for (const one of forgets) one();
    };
    promises.push({ offset: region.engine.offset, forget });
  }

  /** A standby dies, or its engine does and it takes its place; another one comes. */
  #disturbStandby(): void {
    const region = this.#random.pick(this.#regions);
    if (!region.hasStandby) return;
    if (this.#random.chance(0.2)) region.loseStandby();
    else this.#promote(region);
    this.#schedule.after(this.#random.between(0, 100), () => {
      if (!region.hasStandby) region.giveStandby();
    });
  }

  #promote(region: Region): void {
    const end = region.promoteStandby();
    if (end === undefined) return;
    this.#promotions++;
    this.#trace(() => `the standby of ${region.id} takes its engine's place at ${end}`);
    this.#answered.lost(region, end);
    const promises = this.#promises.get(region) ?? [];
    while ((promises.at(-1)?.offset ?? 0) > end) {
      promises.pop()?.forget();
      this.#lostWrites++;
    }
  }

  #checked(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error));
    }
  }

  #result(): WorldResult {
    const sum = (of: (r: Region) => number): number =>
      this.#regions.reduce((total, r) => total + of(r), 0);
    return {
      seed: this.#options.seed,
      regions: this.#regions.length,
      writes: this.#writes,
      crashes: this.#crashes,
      cuts: this.#cuts,
      conflicts: sum(conflictsOf),
      retries: sum((r) => r.core?.applying.retries ?? 0),
      races: sum((r) => r.core?.counters.applyRaces ?? 0),
      superseded: this.#superseded,
      holds: sum((r) => r.notices.filter((n) => n.includes('are held')).length),
      changes: this.#membership?.changes ?? 0,
      promotions: this.#promotions,
      lostWrites: this.#lostWrites,
      overruns: this.#overruns?.count ?? 0,
    };
  }

  #trace(line: () => string): void {
    this.#options.trace?.(`${(this.#schedule.now - START_MS).toFixed(3)} ${line()}`);
  }

  #fail(message: string): never {
    throw new SimulationFailure(this.#options.seed, message);
  }
}
