// The DELs of a key that someone has not seen yet. They beat what comes from those, where the type has it so.

import { OpFlag, OpKind, observed } from '../../../model/op.ts';
import type { LiveOp } from '../live-op.ts';

/** Whether an op takes away HyperLogLogs, and expiries that were only stated again, also where it had not observed them. */
export function removesUnseen(op: LiveOp): boolean {
  return op.kind === OpKind.del && (op.flags & OpFlag.makesWay) === 0;
}

export class Removals {
  /** None had observed another: who had not seen an earlier one had not seen the later one either. */
  #ops: LiveOp[] = [];

  note(op: LiveOp): void {
    if (!removesUnseen(op)) return;
    this.#ops = [...this.#ops.filter((earlier) => !observed(op, earlier)), op];
  }

  /** Whether one of them had not been observed by this op. */
  beat(op: LiveOp): boolean {
    return this.#ops.some((removal) => !observed(op, removal));
  }

  prune(stable: (op: LiveOp) => boolean): void {
    if (this.#ops.length > 0) this.#ops = this.#ops.filter((op) => !stable(op));
  }

  clone(): Removals {
    const copy = new Removals();
    copy.#ops = this.#ops;
    return copy;
  }
}
