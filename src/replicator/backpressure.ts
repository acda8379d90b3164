// A peer that sends faster than its ops can be applied is not read from until most of them are: what waits
// stays in its log, not in our memory.

import type { ReplicaId, Replicas, Slot } from '../model/version-vector.ts';
import type { Inbound } from './apply/inbound.ts';

/** Frames of one origin that wait to be applied, at most about. */
const WAITING_BYTES_MAX = 16 * 1024 * 1024;

interface PeerReading {
  pause(peer: ReplicaId): void;
  resume(peer: ReplicaId): void;
}

export class Backpressure {
  readonly #replicas: Replicas;
  readonly #inbound: Inbound;
  readonly #port: PeerReading;
  readonly #paused = new Set<Slot>();

  constructor(replicas: Replicas, inbound: Inbound, port: PeerReading) {
    this.#replicas = replicas;
    this.#inbound = inbound;
    this.#port = port;
  }

  /** A frame of `slot` arrived. */
  arrived(slot: Slot): void {
    if (this.#inbound.waitingBytes(slot) <= WAITING_BYTES_MAX || this.#paused.has(slot)) return;
    this.#paused.add(slot);
    this.#port.pause(this.#replicas.idOf(slot));
  }

  /** Ops were applied. */
  relieve(): void {
    for (const slot of this.#paused) {
      if (this.#inbound.waitingBytes(slot) > WAITING_BYTES_MAX / 2) continue;
      this.#paused.delete(slot);
      this.#port.resume(this.#replicas.idOf(slot));
    }
  }
}
