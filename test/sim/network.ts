// Links between simulated regions. Each ordered pair has a stream of frames and, the other way, statements
// of what is visible; both keep their order, neither knows the other. Cut links hold everything back; a
// crash of either side loses what was on the way, and the sender resumes after what the receiver has.

import type { ReplicaId, VersionEntries } from '../../src/model/version-vector.ts';
import type { Random } from './random.ts';
import type { Region, Network as RegionNetwork } from './region.ts';
import type { Route } from './region-gap.ts';
import type { Schedule } from './schedule.ts';

interface Link {
  readonly from: Region;
  readonly to: Region;
  readonly delayMs: number;
  cut: boolean;
  /** Sequence of the sender's own ops that was sent last. */
  sent: number;
  /** Lives of both ends when the link was made. */
  lives: string;
  lastArrival: number;
  /** Arrivals that a partition holds back. */
  held: (() => void)[];
  /** The latest statement of `to`, on its way to `from`. */
  statement: VersionEntries | undefined;
}

export class Network implements RegionNetwork {
  readonly #links: Link[] = [];
  readonly #random: Random;
  readonly #schedule: Schedule;

  constructor(random: Random, schedule: Schedule) {
    this.#random = random;
    this.#schedule = schedule;
  }

  /** Links every two of them that are not linked yet. */
  connect(regions: readonly Region[], delayMs: () => number): void {
    for (const from of regions) {
      for (const to of regions) {
        if (from === to || this.#links.some((l) => l.from === from && l.to === to)) continue;
        this.#links.push({
          from,
          to,
          delayMs: delayMs(),
          cut: false,
          sent: 0,
          lives: '',
          lastArrival: 0,
          held: [],
          statement: undefined,
        });
      }
    }
  }

  /** Cuts or heals both directions between two regions. */
  setCut(a: Region, b: Region, cut: boolean): void {
    for (const link of this.#links) {
      const between = (link.from === a && link.to === b) || (link.from === b && link.to === a);
      if (!between || link.cut === cut) continue;
      link.cut = cut;
      if (!cut) {
        const held = link.held;
        link.held = [];
        for (const arrive of held) arrive();
        this.#pump(link);
        this.#state(link);
      }
    }
  }

  healAll(): void {
    for (const { from, to } of this.#links) this.setCut(from, to, false);
  }

  /** Goes over all links: a side that came back must be found. */
  pumpAll(): void {
    for (const link of this.#links) {
      this.#pump(link);
      this.#state(link);
    }
  }

  framesAppended(from: Region): void {
    for (const link of this.#links) if (link.from === from) this.#pump(link);
  }

  acknowledge(from: Region, entries: VersionEntries): void {
    for (const link of this.#links) {
      if (link.to !== from) continue;
      link.statement = entries;
      this.#state(link);
    }
  }

  want(from: Region, peer: ReplicaId, origin: ReplicaId, afterSeq: number): void {
    const link = this.#links.find((l) => l.from.id === peer && l.to === from);
    if (link === undefined || link.cut || !link.from.isRunning || isRefused(link)) return;
    for (const frame of link.from.log.framesOf(origin)) {
      if (frame.lastSeq > afterSeq) this.#deliver(link, frame.bytes);
    }
  }

  routesFrom(from: Region): Route[] {
    return this.#links.flatMap((link): Route[] => {
      if (link.from !== from || !isUp(link)) return [];
      const lives = livesOf(link);
      const stands = () => isUp(link) && livesOf(link) === lives;
      return [{ peer: link.to, delayMs: link.delayMs, stands }];
    });
  }

  #pump(link: Link): void {
    if (link.cut || !link.from.isRunning || !link.to.isRunning) return;
    const lives = livesOf(link);
    if (link.lives !== lives) {
      link.from.greetedBy(link.to);
      link.to.greetedBy(link.from);
      // What was heard changes what is said.
      if (lives !== livesOf(link) || isRefused(link)) return;
      // A new connection: the receiver says what it has.
      link.lives = lives;
      link.sent = link.to.core?.receivedOf(link.from.id) ?? 0;
    }
    for (const frame of framesAfter(link.from.log.framesOf(link.from.id), link.sent)) {
      link.sent = frame.lastSeq;
      this.#deliver(link, frame.bytes);
    }
  }

  #deliver(link: Link, bytes: Buffer): void {
    const { lives } = link;
    const delay = link.delayMs * this.#random.between(0.5, 1.5);
    const at = Math.max(link.lastArrival, this.#schedule.now + delay);
    link.lastArrival = at;
    const arrive = (): void => {
      if (link.lives !== lives || livesOf(link) !== lives) return;
      // A partition holds what is on the way: it arrives, in order, when the partition is over.
      if (link.cut) link.held.push(arrive);
      else link.to.deliverFrame(bytes);
    };
    this.#schedule.after(at - this.#schedule.now, arrive);
  }

  #state(link: Link): void {
    const entries = link.statement;
    if (entries === undefined || link.cut || !link.from.isRunning || !link.to.isRunning) return;
    if (isRefused(link)) return;
    const life = link.from.life;
    this.#schedule.after(link.delayMs * this.#random.between(0.5, 1.5), () => {
      if (!link.cut && link.from.life === life) link.from.stated(link.to.id, entries);
    });
  }
}

function isUp(link: Link): boolean {
  return !link.cut && link.from.isRunning && link.to.isRunning && !isRefused(link);
}

/** Of both ends; with what they say when they greet. */
function livesOf({ from, to }: Link): string {
  return `${from.life} ${from.greeting}/${to.life} ${to.greeting}`;
}

/** One of them goes on without the other. */
function isRefused({ from, to }: Link): boolean {
  return from.staleness?.isStale(to.id) === true || to.staleness?.isStale(from.id) === true;
}

function framesAfter<T extends { lastSeq: number }>(frames: readonly T[], seq: number): T[] {
  let i = frames.length;
  while (i > 0 && (frames[i - 1] as T).lastSeq > seq) i--;
  return frames.slice(i);
}
