// Changes of the membership in a simulated group: members join as copies of others, are lost for good, lose
// their engines and come back under another id, or become stale, as somebody keeps too much for them. Each change is a new configuration, which a region has from the
// next start of its replicator on; the regions start anew one after another.

import type { ReplicaId } from '../../src/model/version-vector.ts';
import type { Network } from './network.ts';
import type { Random } from './random.ts';
import type { Region } from './region.ts';
import type { Schedule } from './schedule.ts';

const RETRY_MS = 20;
const MEMBERS_MAX = 5;

export interface MembershipOptions {
  /** Those who take part; changed here. */
  readonly regions: Region[];
  readonly network: Network;
  readonly random: Random;
  readonly schedule: Schedule;
  readonly newRegion: (id: ReplicaId, members: readonly ReplicaId[]) => Region;
  /** A region takes part from now on: clients may write to it. */
  readonly onJoined: (region: Region) => void;
  readonly trace: (line: () => string) => void;
  /** Members become stale, or join; nothing else, so that nothing may be lost. */
  readonly stale: boolean;
}

export class Membership {
  readonly #options: MembershipOptions;
  #ids: ReplicaId[];
  readonly #gone = new Map<ReplicaId, number>();
  #epoch = 1;
  /** Nobody may write there: the others would not have it. */
  #away: Region | undefined;
  /** Nobody may write anywhere: else it would never be quiet there. */
  #isSettling = false;
  #isChanging = false;
  /** Writes that nobody else had may be lost. */
  lossy = false;
  changes = 0;

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#ids = options.regions.map(({ id }) => id);
  }

  /** Nobody may write there now. */
  rests(region: Region): boolean {
    return this.#isSettling || this.#away === region;
  }

  get isChanging(): boolean {
    return this.#isChanging;
  }

  /** Changes something, when nothing is being changed. */
  change(): void {
    const { random, regions, stale } = this.#options;
    if (this.#isChanging) return;
    const kind = random.pick(
      stale ? ['join', 'stale', 'stale'] : ['join', 'join', 'lose', 'unlink'],
    );
    if (kind === 'stale' && regions.length > 1) this.#begin(() => this.#goAway());
    if (kind === 'join' && regions.length < MEMBERS_MAX) this.#begin(() => this.#join());
    if (kind === 'unlink' && regions.length > 2) this.#begin(() => this.#unlink(false));
    if (kind === 'lose' && regions.length > 1) this.#begin(() => this.#unlink(true));
  }

  #begin(change: () => void): void {
    this.#isChanging = true;
    this.changes++;
    this.#whenAllRun(change);
  }

  /** A change needs everybody who stays. */
  #whenAllRun(next: () => void): void {
    const { regions, schedule } = this.#options;
    if (regions.every((region) => region.isRunning)) next();
    else schedule.after(RETRY_MS, () => this.#whenAllRun(next));
  }

  #join(): void {
    const id = Math.max(...this.#ids) + 1;
    this.#ids.push(id);
    this.#options.trace(() => `${id} is going to join`);
    // From here on everybody keeps for it what it will need.
    this.#configureAll(() => this.#fork(id));
  }

  #fork(id: ReplicaId): void {
    const { random, regions, network, newRegion, onJoined, trace } = this.#options;
    const donor = random.pick(regions);
    const newcomer = newRegion(id, this.#ids);
    newcomer.configure(this.#epoch, [...this.#ids], new Map(this.#gone));
    newcomer.fork(donor);
    trace(() => `${id} joins as a copy of ${donor.id} at ${donor.core?.publishedPosition}`);
    regions.push(newcomer);
    network.connect(regions, () => random.between(0.2, 40));
    newcomer.start();
    network.pumpAll();
    // As everybody does once a second.
    for (const region of regions) {
      if (region.core !== undefined) network.acknowledge(region, region.core.published.visible);
    }
    onJoined(newcomer);
    this.#isChanging = false;
  }

  /** The clients of one stop; once the others have in their logs what they wrote there, it is cut off. */
  #goAway(): void {
    const { random, regions } = this.#options;
    const lowest = Math.min(...regions.map(({ id }) => id));
    // Of two the one with the higher id may not go on alone.
    const away = random.pick(regions.length > 2 ? regions : regions.filter((r) => r.id !== lowest));
    const others = regions.filter((region) => region !== away);
    this.#away = away;
    this.#isSettling = true;
    const isEverywhere = (): boolean => {
      const last = away.core?.receivedOf(away.id) ?? Number.POSITIVE_INFINITY;
      return away.isQuiet && others.every((other) => loggedOf(other, away.id) >= last);
    };
    this.#when(isEverywhere, () => {
      const { network, trace } = this.#options;
      this.#isSettling = false;
      // Some may still reach it: they hear from the others that it is stale.
      const apart = random.chance(0.5) ? others : [random.pick(others)];
      for (const other of apart) network.setCut(away, other, true);
      trace(() => `${away.id} is away from ${apart.map(({ id }) => id)}`);
      this.#giveUp(away, others, apart);
    });
  }

  #giveUp(away: Region, others: readonly Region[], apart: readonly Region[]): void {
    const { random, regions, schedule, trace } = this.#options;
    const isAgreed = (): boolean => {
      // The log there is too large; it is looked at all the time.
      for (const other of apart) other.findStale([away.id]);
      return others.every((other) => other.staleness?.agreed.has(away.id) === true);
    };
    schedule.after(random.between(5, 200), () => {
      this.#when(isAgreed, () => {
        regions.splice(regions.indexOf(away), 1);
        away.crash();
        this.#away = undefined;
        trace(() => `all go on without ${away.id}`);
        // It comes back, or is not heard of again: then nobody may wait for it all the same.
        if (random.chance(0.5)) this.#isChanging = false;
        else this.#replace(away.id);
      });
    });
  }

  /** A stale one is back: it is wiped and joins anew. */
  #replace(id: ReplicaId): void {
    const { regions } = this.#options;
    this.#whenAllRun(() => {
      this.#gone.set(id, Math.max(...regions.map((region) => region.core?.receivedOf(id) ?? 0)));
      this.#configureAll(() => this.#join());
    });
  }

  #when(condition: () => boolean, next: () => void): void {
    if (condition()) next();
    else this.#options.schedule.after(RETRY_MS, () => this.#when(condition, next));
  }

  /** One is gone for good. `logRemains`: only its engine is; it hands over what it has logged, and joins anew. */
  #unlink(logRemains: boolean): void {
    const { random, regions, trace } = this.#options;
    const lost = random.pick(regions);
    regions.splice(regions.indexOf(lost), 1);
    lost.crash();
    this.lossy = true;
    if (logRemains) {
      for (const { bytes, lastSeq } of lost.log.framesOf(lost.id)) {
        for (const region of regions) {
          if (lastSeq > (region.core?.receivedOf(lost.id) ?? 0)) region.deliverFrame(bytes);
        }
      }
    }
    this.#gone.set(lost.id, 0);
    // With this one the last that had some ops of those who went before may be gone.
    for (const id of this.#gone.keys()) {
      this.#gone.set(id, Math.max(...regions.map((region) => region.core?.receivedOf(id) ?? 0)));
    }
    trace(() => `${lost.id} is gone; the others have its writes up to ${this.#gone.get(lost.id)}`);
    this.#configureAll(() => {
      if (logRemains && regions.length < MEMBERS_MAX) this.#join();
      else this.#isChanging = false;
    });
  }

  /** Every region starts anew with the present configuration, at its own time. */
  #configureAll(next: () => void): void {
    const { random, regions, schedule, network, trace } = this.#options;
    const gone = new Map(this.#gone);
    const members = [...this.#ids];
    const epoch = ++this.#epoch;
    let left = regions.length;
    for (const region of regions) {
      schedule.after(random.between(0, 60), () => {
        region.configure(epoch, members, gone);
        trace(() => `${region.id} starts with ${members}, without ${[...gone.keys()]}`);
        if (region.isRunning) region.crash();
        schedule.after(random.between(1, 30), () => {
          if (!region.isRunning) region.start();
          network.pumpAll();
          left--;
          if (left === 0) this.#whenAllRun(next);
        });
      });
    }
  }
}

/** The last op of `origin` that survives a crash of this region. */
function loggedOf({ core }: Region, origin: ReplicaId): number {
  return new Map(core?.published.received ?? []).get(origin) ?? 0;
}
