// What every member has: the frontier below which ops are stable.
//
// A member says what is visible in its engine. That statement counts here only once every op that the
// member had made by then is visible here too: otherwise one of them, still on its way, might be
// concurrent with an op taken for stable.
//
// A member's own ops need no statement: it has them, and whatever it writes later has observed them. So
// where a backlog of one origin is taken in, it does not pile up as unstable until its end.
//
// Members that are gone state nothing any more, and nobody waits for them: but for what they wrote that is not
// visible here yet. Until it is, what they had seen last counts.

import {
  lowerTo,
  type ReplicaId,
  type Replicas,
  type Slot,
  sameVector,
  type VersionEntries,
  type VersionVector,
} from '../model/version-vector.ts';

/** Statements of a member that wait for its ops are merged beyond this many. */
const WAITING_MAX = 16;

export class Stability {
  readonly #replicas: Replicas;
  readonly #self: Slot;
  /** With the last op of theirs that anyone has. */
  readonly #gone: ReadonlyMap<Slot, number>;
  readonly #known: VersionVector[];
  readonly #waiting: VersionVector[][];
  #frontier: VersionVector;
  /** Where the next frontier is computed. */
  #lowest: VersionVector;

  constructor(
    replicas: Replicas,
    self: Slot,
    frontier: VersionVector,
    gone: ReadonlyMap<Slot, number> = new Map(),
  ) {
    this.#replicas = replicas;
    this.#self = self;
    this.#gone = gone;
    this.#known = replicas.ids.map(() => frontier.slice());
    this.#waiting = replicas.ids.map(() => []);
    this.#frontier = frontier.slice();
    this.#lowest = frontier.slice();
  }

  get frontier(): VersionVector {
    return this.#frontier;
  }

  /** What `peer` is known to have of `origin`; 0 for who is no member. */
  knownOf(peer: ReplicaId, origin: ReplicaId): number {
    const slot = this.#replicas.slotOf(peer);
    const of = this.#replicas.slotOf(origin);
    if (slot === undefined || of === undefined) return 0;
    return this.known(slot)[of] as number;
  }

  /** What `slot` is known to have, as far as it counts. */
  known(slot: Slot): VersionVector {
    return this.#known[slot] as VersionVector;
  }

  /** A member stated what is visible in its engine. */
  stated(slot: Slot, entries: VersionEntries): void {
    const waiting = this.#waiting[slot] as VersionVector[];
    const stated = this.#replicas.fromEntries(entries);
    const last = waiting.at(-1);
    if (waiting.length >= WAITING_MAX && last !== undefined) raiseTo(last, stated);
    else waiting.push(stated);
  }

  /** Takes in what counts by now. True when the frontier rose. */
  advance(visible: VersionVector): boolean {
    for (let slot = 0; slot < this.#waiting.length; slot++) {
      const waiting = this.#waiting[slot] as VersionVector[];
      while (waiting.length > 0) {
        const stated = waiting[0] as VersionVector;
        if ((stated[slot] as number) > (visible[slot] as number)) break;
        raiseTo(this.#known[slot] as VersionVector, stated);
        waiting.shift();
      }
      const known = this.#known[slot] as VersionVector;
      if ((visible[slot] as number) > (known[slot] as number))
        known[slot] = visible[slot] as number;
    }
    raiseTo(this.#known[this.#self] as VersionVector, visible);
    const frontier = this.#lowest;
    frontier.set(visible);
    this.#known.forEach((known, slot) => {
      if ((visible[slot] as number) < (this.#gone.get(slot) ?? Number.POSITIVE_INFINITY)) {
        lowerTo(frontier, known);
      }
    });
    if (sameVector(frontier, this.#frontier)) return false;
    this.#lowest = this.#frontier;
    this.#frontier = frontier;
    return true;
  }
}

function raiseTo(a: VersionVector, b: VersionVector): void {
  for (let i = 0; i < a.length; i++) if ((b[i] as number) > (a[i] as number)) a[i] = b[i] as number;
}
