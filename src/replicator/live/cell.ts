// One cell of a key (a string's value, a field, a member): who contributes to it, and what it shows.

import { OpKind } from '../../model/op.ts';
import { FoldedIncrements, foldableDelta } from './folded-increments.ts';
import type { LiveOp } from './live-op.ts';

/** What one op contributes to one cell. */
export interface Contribution {
  readonly op: LiveOp;
  /** Assigned value; undefined for an increment, and for a value only its origin knows. */
  readonly assign: string | undefined;
  readonly increment: string | undefined;
}

const NONE: readonly number[] = [];
const NO_FOLDS: readonly FoldedIncrements[] = [];

/** Of so many increments the older ones are folded. */
const FOLD_INCREMENTS = 256;

/** Below this size a list is as long as what is in it: `push` would make room for sixteen more. */
const SHORT = 8;

function appended(list: Contribution[], contribution: Contribution): Contribution[] {
  if (list.length < SHORT) return [...list, contribution];
  list.push(contribution);
  return list;
}

/** The live contributions to one cell. Increments lie apart: a hot counter has thousands of them, and
 * none needs to be looked at to add another. */
export class Cell {
  assigns: Contribution[] = [];
  /** In the order in which they were delivered, without those that are folded. */
  #increments: Contribution[] = [];
  /** One for each member that has many. */
  #folds: readonly FoldedIncrements[] = NO_FOLDS;
  #foldAt = FOLD_INCREMENTS;
  /** The value from before the live ops was removed or replaced: only contributions count. */
  baseGone: boolean;
  /** Some increment may have a fraction. */
  isInexact = false;
  #newest: LiveOp | undefined;
  /** Per slot the last sequence that contributes; 0 or absent: none does. */
  #lastSeqs: readonly number[] | number[] = NONE;

  constructor(baseGone: boolean) {
    this.baseGone = baseGone;
  }

  get contributions(): Contribution[] {
    return [...this.assigns, ...this.increments];
  }

  /** Of folded ones, one for each member: a contribution of the sum. */
  get increments(): readonly Contribution[] {
    if (this.#folds === NO_FOLDS) return this.#increments;
    const sums = this.#folds.map(({ last, sum }) => ({
      op: last,
      assign: undefined,
      increment: sum,
    }));
    return [...sums, ...this.#increments];
  }

  get size(): number {
    let size = this.assigns.length + this.#increments.length;
    for (const { count } of this.#folds) size += count;
    return size;
  }

  /** The newest op that contributes. */
  get newest(): LiveOp | undefined {
    if (this.#newest !== undefined) return this.#newest;
    for (const list of [this.assigns, this.increments]) {
      for (const { op } of list) {
        if (this.#newest === undefined || isNewer(op, this.#newest)) this.#newest = op;
      }
    }
    return this.#newest;
  }

  add(contribution: Contribution): void {
    const { op, increment } = contribution;
    const newest = this.newest;
    if (increment === undefined) this.assigns = appended(this.assigns, contribution);
    else this.#increments = appended(this.#increments, contribution);
    if (newest === undefined || isNewer(op, newest)) this.#newest = op;
    if (op.kind === OpKind.incrFloat || op.kind === OpKind.zincr) this.isInexact = true;
    this.#noteSeq(op);
  }

  #noteSeq({ origin, seq, deps }: LiveOp): void {
    if (this.#lastSeqs === NONE) this.#lastSeqs = new Array<number>(deps.length).fill(0);
    if (seq > (this.#lastSeqs[origin] ?? 0)) (this.#lastSeqs as number[])[origin] = seq;
  }

  /** Of one member, what goes are always the first so many. */
  drop(isGone: (op: Pick<LiveOp, 'origin' | 'seq'>) => boolean): void {
    const stays = ({ op }: Contribution) => !isGone(op);
    this.assigns = this.assigns.filter(stays);
    this.#increments = this.#increments.filter(stays);
    if (this.#folds !== NO_FOLDS) {
      for (const fold of this.#folds) fold.drop(isGone);
      const left = this.#folds.filter(({ count }) => count > 0);
      this.#folds = left.length > 0 ? left : NO_FOLDS;
    }
    this.#newest = undefined;
    this.#lastSeqs = NONE;
    for (const list of [this.assigns, this.increments]) {
      for (const { op } of list) this.#noteSeq(op);
    }
  }

  /** Keeps the older ones of many integer increments as numbers. Not of a copy, of which it is counted what was added. */
  foldMany(): void {
    if (this.#increments.length < this.#foldAt || this.isInexact) return;
    const newer = this.#increments.splice(-FOLD_INCREMENTS / 2);
    const folds = new Map(this.#folds.map((fold) => [fold.origin, fold]));
    const unfolded = this.#increments.filter(({ op, increment }) => {
      const delta = foldableDelta(increment as string);
      if (delta === undefined) return true;
      const fold = folds.get(op.origin) ?? new FoldedIncrements(op);
      folds.set(op.origin, fold);
      fold.add(op, delta);
      return false;
    });
    if (folds.size > 0) this.#folds = [...folds.values()];
    this.#increments = [...unfolded, ...newer];
    this.#foldAt = this.#increments.length + FOLD_INCREMENTS;
  }

  /** Whether some op contributes that this one had not observed. */
  hasUnobserved(op: LiveOp): boolean {
    for (let slot = 0; slot < this.#lastSeqs.length; slot++) {
      const last = this.#lastSeqs[slot];
      if (last === undefined || slot === op.origin) continue;
      if (last > (op.deps[slot] as number)) return true;
    }
    return false;
  }

  /** Drops what is stable and shows anyway: the engine holds it. True when something was dropped. */
  prune(stable: (op: Pick<LiveOp, 'origin' | 'seq'>) => boolean): boolean {
    // A stable assign may still beat one that is not, and needs the increments that stand on it.
    if (this.assigns.some((c) => !stable(c.op))) return false;
    const { size } = this;
    this.drop(stable);
    if (this.size === size) return false;
    this.baseGone = false;
    return true;
  }

  /** The newest assign. */
  get winner(): Contribution | undefined {
    let winner: Contribution | undefined;
    for (const c of this.assigns) if (winner === undefined || isNewer(c.op, winner.op)) winner = c;
    return winner;
  }

  clone(): Cell {
    const copy = new Cell(this.baseGone);
    copy.assigns = [...this.assigns];
    copy.#increments = [...this.#increments];
    if (this.#folds !== NO_FOLDS) copy.#folds = this.#folds.map((fold) => fold.clone());
    copy.isInexact = this.isInexact;
    copy.#newest = this.#newest;
    copy.#lastSeqs = this.#lastSeqs === NONE ? NONE : this.#lastSeqs.slice();
    return copy;
  }
}

/** What a cell shows: the newest assign, and the increments on top of it in canonical order. */
export interface CellState {
  readonly winner: Contribution | undefined;
  readonly increments: readonly Contribution[];
}

/** The total order of ops that have not observed each other: (timestamp, replica id). */
export function isNewer(a: LiveOp, b: LiveOp): boolean {
  return a.timestamp !== b.timestamp ? a.timestamp > b.timestamp : a.origin > b.origin;
}

export function stateOf(cell: Cell | undefined): CellState {
  if (cell === undefined) return EMPTY_STATE;
  const increments = [...cell.increments];
  if (increments.length > 1) increments.sort((a, b) => (isNewer(a.op, b.op) ? 1 : -1));
  return { winner: cell.winner, increments };
}

export const EMPTY_STATE: CellState = { winner: undefined, increments: [] };

/** Whether both states show the same value. Increments are only ever added by the op at hand. */
export function sameState(a: CellState, b: CellState): boolean {
  return a.winner === b.winner && a.increments.length === b.increments.length;
}
