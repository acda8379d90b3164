// A HyperLogLog as live ops tell about it: what they add to its registers. Registers only grow and adding
// twice is adding once, so nothing is told apart within it, and concurrent changes are a union. There is
// no memory of who set a register; that is why a DEL takes even what it had not observed (`isBeaten` of the
// CellTable says so for what comes after it).

import { HYPERLOGLOG_KINDS, observed } from '../../../model/op.ts';
import { isNewer } from '../cell.ts';
import type { LiveOp } from '../live-op.ts';
import type { LiveValue } from '../live-value.ts';
import { removesUnseen } from './removals.ts';

export class HyperLogLogValue implements LiveValue {
  #ops: LiveOp[] = [];
  /** Per slot the last sequence that added to it. */
  #lastSeqs: number[] = [];

  get isAlive(): boolean {
    return this.#ops.length > 0;
  }

  get newest(): LiveOp | undefined {
    let newest: LiveOp | undefined;
    for (const op of this.#ops) if (newest === undefined || isNewer(op, newest)) newest = op;
    return newest;
  }

  get size(): number {
    return this.#ops.length;
  }

  /** What was added to it, in the order of delivery. */
  get ops(): readonly LiveOp[] {
    return this.#ops;
  }

  /** Unions do not conflict with each other. */
  hasUnobserved(op: LiveOp): boolean {
    if (HYPERLOGLOG_KINDS.has(op.kind) || this.#ops.length === 0) return false;
    return this.#lastSeqs.some(
      (seq, slot) => slot !== op.origin && seq > (op.deps[slot] as number),
    );
  }

  integrate(op: LiveOp): void {
    this.#lastSeqs[op.origin] = op.seq;
    this.#ops.push(op);
  }

  removeObserved(op: LiveOp): void {
    this.#ops = removesUnseen(op) ? [] : this.#ops.filter((earlier) => !observed(op, earlier));
  }

  prune(stable: (op: LiveOp) => boolean): number {
    this.#ops = this.#ops.filter((op) => !stable(op));
    return this.#ops.length;
  }

  clone(): HyperLogLogValue {
    const copy = new HyperLogLogValue();
    copy.#ops = this.#ops.slice();
    copy.#lastSeqs = this.#lastSeqs.slice();
    return copy;
  }
}
