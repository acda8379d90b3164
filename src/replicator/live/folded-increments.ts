// Many integer increments of one cell by one member, as numbers: a hot counter gathers millions while someone is away.
// What observes some of them has observed the first so many, so they go from the front, and the sum stays exact.

import type { Slot } from '../../model/version-vector.ts';
import type { LiveOp } from './live-op.ts';

/** Beyond this a delta is no number to calculate with. */
const DELTA_MAX = 2 ** 53 - 1;
const CAPACITY_MIN = 64;

/** The delta of an increment, if it can be folded. */
export function foldableDelta(increment: string): number | undefined {
  const delta = Number(increment);
  return Number.isSafeInteger(delta) && Math.abs(delta) < DELTA_MAX ? delta : undefined;
}

export class FoldedIncrements {
  readonly origin: Slot;
  /** The last op: it stands for all of them. */
  last: LiveOp;
  #seqs = new Float64Array(CAPACITY_MIN);
  #deltas = new Float64Array(CAPACITY_MIN);
  #start = 0;
  #end = 0;
  #sum = 0n;

  constructor(first: LiveOp) {
    this.origin = first.origin;
    this.last = first;
  }

  get count(): number {
    return this.#end - this.#start;
  }

  get sum(): string {
    return this.#sum.toString();
  }

  /** Adds one that comes after all others. */
  add(op: LiveOp, delta: number): void {
    if (this.#end === this.#seqs.length) this.#makeRoom();
    this.#seqs[this.#end] = op.seq;
    this.#deltas[this.#end] = delta;
    this.#end++;
    this.#sum += BigInt(delta);
    this.last = op;
  }

  /** Lets go of the first ones, as long as they are gone. */
  drop(isGone: (op: Pick<LiveOp, 'origin' | 'seq'>) => boolean): void {
    const { origin } = this;
    while (this.#start < this.#end && isGone({ origin, seq: this.#seqs[this.#start] as number })) {
      this.#sum -= BigInt(this.#deltas[this.#start] as number);
      this.#start++;
    }
  }

  /** A copy, which can lose some but not get more. */
  clone(): FoldedIncrements {
    const copy = new FoldedIncrements(this.last);
    copy.#seqs = this.#seqs;
    copy.#deltas = this.#deltas;
    copy.#start = this.#start;
    copy.#end = this.#end;
    copy.#sum = this.#sum;
    return copy;
  }

  /** Copies have the old arrays. */
  #makeRoom(): void {
    const { count } = this;
    const capacity = Math.max(CAPACITY_MIN, count * 2);
    const [seqs, deltas] = [new Float64Array(capacity), new Float64Array(capacity)];
    seqs.set(this.#seqs.subarray(this.#start, this.#end));
    deltas.set(this.#deltas.subarray(this.#start, this.#end));
    this.#seqs = seqs;
    this.#deltas = deltas;
    this.#start = 0;
    this.#end = count;
  }
}
