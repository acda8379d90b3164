// Ops that wait for others which do not arrive by themselves, because a link is cut: they are asked for
// where the waiting op came from, for who made it had them.

import type { ReplicaId, Replicas, Slot, VersionVector } from '../model/version-vector.ts';
import type { Inbound } from './apply/inbound.ts';

const WANT_AFTER_MS = 20;
const WANT_AGAIN_MS = 200;

export class MissingDeps {
  readonly #replicas: Replicas;
  readonly #self: Slot;
  readonly #inbound: Inbound;
  readonly #port: { want(peer: ReplicaId, origin: ReplicaId, afterSeq: number): void };
  readonly #waiting = new Map<Slot, { since: number; askedAt: number }>();

  constructor(
    replicas: Replicas,
    self: Slot,
    inbound: Inbound,
    port: { want(peer: ReplicaId, origin: ReplicaId, afterSeq: number): void },
  ) {
    this.#replicas = replicas;
    this.#self = self;
    this.#inbound = inbound;
    this.#port = port;
  }

  /** Asks for what has been missing for a while. `scheduled`: what is visible or about to be. */
  ask(scheduled: VersionVector, nowMs: number): void {
    for (let slot = 0; slot < this.#replicas.count; slot++) {
      if (slot !== this.#self) this.#askFor(slot, scheduled, nowMs);
    }
  }

  #askFor(slot: Slot, scheduled: VersionVector, nowMs: number): void {
    const missing = this.#inbound.blockedOn(slot, scheduled);
    if (missing === undefined || this.#inbound.received(missing.slot) >= missing.seq) {
      this.#waiting.delete(slot);
      return;
    }
    const waiting = this.#waiting.get(slot) ?? { since: nowMs, askedAt: 0 };
    this.#waiting.set(slot, waiting);
    if (nowMs - waiting.since < WANT_AFTER_MS || nowMs - waiting.askedAt < WANT_AGAIN_MS) return;
    waiting.askedAt = nowMs;
    const origin = this.#replicas.idOf(missing.slot);
    this.#port.want(this.#replicas.idOf(slot), origin, this.#inbound.received(missing.slot));
  }
}
