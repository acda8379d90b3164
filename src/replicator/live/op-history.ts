// Where the live index reads ops again that it has let go of: it keeps where an op stands in the history of the
// group, and the log has its text.

import type { Slot } from '../../model/version-vector.ts';
import type { LiveOp } from './live-op.ts';

export interface OpHistory {
  /** The index was told of this op. */
  note(op: LiveOp): void;
  /** All own ops so far are in the log. */
  logged(): void;
  /** The op on this key with this dot. Only unstable ones are asked for, which every log still has. */
  read(key: string, origin: Slot, seq: number): LiveOp;
}

/** A history in memory, for an index without a log: every op that it was told of. */
export class RememberedOps implements OpHistory {
  readonly #ops = new Map<string, LiveOp>();

  note(op: LiveOp): void {
    this.#ops.set(`${op.origin} ${op.seq}`, op);
  }

  logged(): void {}

  read(_key: string, origin: Slot, seq: number): LiveOp {
    const op = this.#ops.get(`${origin} ${seq}`);
    if (op === undefined) throw new Error(`op ${seq} of slot ${origin} was never told`);
    return op;
  }
}
