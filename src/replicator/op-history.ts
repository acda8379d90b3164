// Reads ops again for the live index: from the log, and own ones that are not in it yet from memory.

import { assert } from '../base/assert.ts';
import type { ReplicaId, Replicas, Slot, VersionVector } from '../model/version-vector.ts';
import { decodeOp } from './apply/inbound.ts';
import type { CoreOptions } from './core-port.ts';
import type { LiveIndexOptions } from './live/live-index.ts';
import type { LiveOp } from './live/live-op.ts';
import type { OpHistory } from './live/op-history.ts';

export interface StoredFrames {
  /** The frame that has this op; undefined: it is no longer there. */
  frameWith(origin: ReplicaId, seq: number): Buffer | undefined;
}

export class LoggedOps implements OpHistory {
  readonly #replicas: Replicas;
  readonly #self: Slot;
  readonly #log: StoredFrames;
  /** Own ops that are not in the log, in order, but for those that write nothing. */
  #unlogged: LiveOp[] = [];

  /** Many ops have the same ones. */
  #lastDeps: VersionVector;

  constructor(replicas: Replicas, self: Slot, log: StoredFrames) {
    this.#replicas = replicas;
    this.#self = self;
    this.#log = log;
    this.#lastDeps = replicas.emptyVector();
  }

  note(op: LiveOp): void {
    if (op.origin === this.#self) this.#unlogged.push(op);
  }

  logged(): void {
    if (this.#unlogged.length > 0) this.#unlogged = [];
  }

  read(key: string, origin: Slot, seq: number): LiveOp {
    if (origin === this.#self && seq >= (this.#unlogged[0]?.seq ?? Number.POSITIVE_INFINITY)) {
      return this.#unloggedAt(seq);
    }
    const frame = this.#log.frameWith(this.#replicas.idOf(origin), seq);
    assert(
      frame !== undefined,
      `op ${seq} of replica ${this.#replicas.idOf(origin)} is in the log`,
    );
    const op = decodeOp(frame, origin, this.#replicas, seq, { key, deps: this.#lastDeps });
    this.#lastDeps = op.deps;
    return op;
  }

  /** Sequences have gaps: messages take some, and are not noted. */
  #unloggedAt(seq: number): LiveOp {
    const unlogged = this.#unlogged;
    let at = Math.min(seq - (unlogged[0] as LiveOp).seq, unlogged.length - 1);
    while ((unlogged[at] as LiveOp).seq > seq) at--;
    const op = unlogged[at] as LiveOp;
    assert(op.seq === seq, `own op ${seq} was noted`);
    return op;
  }
}

/** What a core's live index reads from, and puts out of memory into. */
export function memoryOf(
  replicas: Replicas,
  self: Slot,
  { port, life, pages }: Pick<CoreOptions, 'port' | 'life' | 'pages'>,
  needs: Pick<LiveIndexOptions, 'isBusy' | 'cutAfter'>,
): LiveIndexOptions {
  return { history: new LoggedOps(replicas, self, port), hashSeed: life, store: pages, ...needs };
}
