// Ops that do not arrive by themselves, and are asked for: those that others wait for, because a link is cut,
// where the waiting op came from, for who made it had them; and the last ops of a member that is gone, from
// one peer after another, until everybody has what anybody has.

import type { ReplicaId, Replicas, Slot, VersionVector } from '../model/version-vector.ts';
import type { Inbound } from './apply/inbound.ts';

const WANT_AFTER_MS = 20;
const WANT_AGAIN_MS = 200;

export interface MissingDepsOptions {
  readonly replicas: Replicas;
  readonly self: Slot;
  readonly inbound: Inbound;
  /** Members that are gone, with the last of their ops that somebody has. */
  readonly gone: ReadonlyMap<Slot, number>;
  readonly port: { want(peer: ReplicaId, origin: ReplicaId, afterSeq: number): void };
}

export class MissingDeps {
  readonly #options: MissingDepsOptions;
  /** Who can be asked. */
  readonly #present: readonly Slot[];
  readonly #waiting = new Map<Slot, { since: number; askedAt: number }>();
  #turn = 0;

  constructor(options: MissingDepsOptions) {
    this.#options = options;
    const slots = options.replicas.ids.map((_, slot) => slot);
    this.#present = slots.filter((slot) => slot !== options.self && !options.gone.has(slot));
  }

  /** Asks for what has been missing for a while. `scheduled`: what is visible or about to be. */
  ask(scheduled: VersionVector, nowMs: number): void {
    const { replicas, self, inbound, gone } = this.#options;
    for (let slot = 0; slot < replicas.count; slot++) {
      if (slot === self) continue;
      const last = gone.get(slot) ?? 0;
      const missing =
        inbound.received(slot) < last ? { slot, seq: last } : inbound.blockedOn(slot, scheduled);
      this.#askFor(slot, missing, nowMs);
    }
  }

  /** `missing` keeps the ops of `waiter` from going on. */
  #askFor(waiter: Slot, missing: { slot: Slot; seq: number } | undefined, nowMs: number): void {
    const { replicas, inbound, port } = this.#options;
    if (missing === undefined || inbound.received(missing.slot) >= missing.seq) {
      this.#waiting.delete(waiter);
      return;
    }
    const waiting = this.#waiting.get(waiter) ?? { since: nowMs, askedAt: 0 };
    this.#waiting.set(waiter, waiting);
    if (nowMs - waiting.since < WANT_AFTER_MS || nowMs - waiting.askedAt < WANT_AGAIN_MS) return;
    const peer = this.#options.gone.has(waiter) ? this.#nextPresent() : waiter;
    if (peer === undefined) return;
    waiting.askedAt = nowMs;
    const origin = replicas.idOf(missing.slot);
    port.want(replicas.idOf(peer), origin, inbound.received(missing.slot));
  }

  #nextPresent(): Slot | undefined {
    return this.#present[this.#turn++ % this.#present.length];
  }
}
