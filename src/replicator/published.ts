// What the end of the log stands for: what peers may be told, where capture may resume, and what a new
// segment of the log begins with. Kept as vectors, because every turn that appends updates it.

import type { Replicas, VersionVector } from '../model/version-vector.ts';
import type { Checkpoint } from './journal.ts';

export class Published {
  replicationId = '';
  position = 0;
  readonly visible: VersionVector;
  readonly received: VersionVector;
  readonly frontier: VersionVector;
  clock = 0;
  applyFence = 0;
  readonly #replicas: Replicas;

  constructor(replicas: Replicas) {
    this.#replicas = replicas;
    this.visible = replicas.emptyVector();
    this.received = replicas.emptyVector();
    this.frontier = replicas.emptyVector();
  }

  checkpoint(): Checkpoint {
    return {
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
