// Reads ops again for the live index: from the log, and own ones that are not in it yet from memory.

import { assert } from '../base/assert.ts';
import type { ReplicaId, Replicas, Slot, VersionVector } from '../model/version-vector.ts';
import { decodeOp } from './apply/inbound.ts';
import type { LiveOp } from './live/live-op.ts';
import type { OpHistory } from './live/op-history.ts';

/** The frame in the log that has the op; undefined: the log has it no more. */
export type FrameWith = (origin: ReplicaId, seq: number) => Buffer | undefined;

export class LoggedOps implements OpHistory {
  readonly #replicas: Replicas;
  readonly #self: Slot;
  readonly #frameWith: FrameWith;
  /** Own ops that are not in the log, in order. */
  #unlogged: LiveOp[] = [];

  /** Many ops have the same ones. */
  #lastDeps: VersionVector;

  constructor(replicas: Replicas, self: Slot, frameWith: FrameWith) {
    this.#replicas = replicas;
    this.#self = self;
    this.#frameWith = frameWith;
    this.#lastDeps = replicas.emptyVector();
  }

  /** An own op was made. */
  note(op: LiveOp): void {
    this.#unlogged.push(op);
  }

  /** All own ops so far are in the log. */
  logged(): void {
    if (this.#unlogged.length > 0) this.#unlogged = [];
  }

  read(key: string, origin: Slot, seq: number): LiveOp {
    const first = this.#unlogged[0];
    if (origin === this.#self && first !== undefined && seq >= first.seq) {
      const op = this.#unlogged[seq - first.seq];
      assert(op?.seq === seq, `own op ${seq} was noted`);
      return op;
    }
    const frame = this.#frameWith(this.#replicas.idOf(origin), seq);
    assert(
      frame !== undefined,
      `op ${seq} of replica ${this.#replicas.idOf(origin)} is in the log`,
    );
    const op = decodeOp(frame, origin, this.#replicas, seq, { key, deps: this.#lastDeps });
    this.#lastDeps = op.deps;
    return op;
  }
}
