// What the end of the log stands for: what peers may be told, where capture may resume, and what a new
// segment of the log begins with. Kept as vectors, because every turn that appends updates it.

import type { Replicas, Slot, VersionVector } from '../model/version-vector.ts';
import type { Checkpoint } from './journal.ts';

/** See Checkpoint. */
export interface PublishedState {
  readonly replicationId: string;
  readonly position: number;
  readonly visible: VersionVector;
  readonly frontier: VersionVector;
  readonly clock: number;
  readonly applyFence: number;
}

export class Published {
  replicationId = '';
  position = 0;
  readonly visible: VersionVector;
  readonly received: VersionVector;
  readonly frontier: VersionVector;
  clock = 0;
  applyFence = 0;
  readonly #replicas: Replicas;
  readonly #self: Slot;

  constructor(replicas: Replicas, self: Slot) {
    this.#replicas = replicas;
    this.#self = self;
    this.visible = replicas.emptyVector();
    this.received = replicas.emptyVector();
    this.frontier = replicas.emptyVector();
  }

  /** Frames have arrived, of whose origins `received` says how far. */
  noteReceived(received: (slot: Slot) => number): void {
    for (let slot = 0; slot < this.received.length; slot++) this.received[slot] = received(slot);
  }

  /** The log's end stands for this from here on. */
  noteState(state: PublishedState): void {
    this.replicationId = state.replicationId;
    this.position = state.position;
    this.visible.set(state.visible);
    this.frontier.set(state.frontier);
    this.clock = state.clock;
    this.applyFence = state.applyFence;
  }

  checkpoint(): Checkpoint {
    return {
      self: this.#replicas.idOf(this.#self),
      replicationId: this.replicationId,
      position: this.position,
      visible: this.#replicas.toEntries(this.visible),
      received: this.#replicas.toEntries(this.received),
      frontier: this.#replicas.toEntries(this.frontier),
      clock: this.clock,
      applyFence: this.applyFence,
    };
  }
}
