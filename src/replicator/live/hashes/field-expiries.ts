// The expiries of single fields of a hash, as live ops tell about them. Each is a cell of its own: among live
// concurrent assigns the longest wins, and none is the longest. An HSET ends the expiry of its field, so it
// counts as such an assign, and needs no entry here: it is in the cell of the field.

import { OpFlag, observed } from '../../../model/op.ts';
import type { Cell } from '../cell.ts';
import type { Effect } from '../effect.ts';
import type { LiveOp } from '../live-op.ts';

export interface FieldExpiry {
  readonly names: readonly string[];
  /** ms since the epoch, Infinity for none. */
  readonly value: number;
}

interface Assign {
  readonly op: LiveOp;
  readonly value: number;
}

type Assigns = Map<string, readonly Assign[]>;

/** Of all that have none: hardly any key has, and a merged key is to be small. Nothing is ever put into it. */
const NO_ASSIGNS: Assigns = new Map();
const NO_NAMES: Set<string> = new Set();

export class FieldExpiries {
  #assigns = NO_ASSIGNS;
  /** Fields that the engine still shows as they were before a removal, until it is known what has become of them. */
  #held = NO_NAMES;

  get isEmpty(): boolean {
    return this.#assigns.size === 0;
  }

  /** Fields whose expiry was assigned. */
  get names(): Iterable<string> {
    return this.#assigns.keys();
  }

  has(name: string): boolean {
    return this.#assigns.has(name);
  }

  /** The engine may show something else of the field than its live contributions. */
  isHeld(name: string): boolean {
    return this.#held.has(name);
  }

  /** What the field shows, `cell` being its value; undefined when no assign is live. */
  target(name: string, cell: Cell | undefined): number | undefined {
    const assigns = this.#assigns.get(name);
    if (assigns === undefined) return undefined;
    const unseen = cell?.assigns.some((c) => !assigns.some((a) => observed(a.op, c.op)));
    if (unseen === true) return Number.POSITIVE_INFINITY;
    return Math.max(...assigns.map((a) => a.value));
  }

  /** Fields that `op` removes without having seen a change of their expiry; `origin`: made there. */
  removedUnseen(
    op: LiveOp,
    effect: Effect,
    isMeant: (origin: number) => boolean = () => true,
  ): string[] {
    const removed = removedBy(effect, this.names);
    return [...removed].filter((name) =>
      this.#assigns.get(name)?.some((a) => !observed(op, a.op) && isMeant(a.op.origin)),
    );
  }

  integrate(op: LiveOp, effect: Effect): void {
    const { fieldExpiry, valueClass } = effect;
    if (!this.isEmpty || this.#held.size > 0) {
      this.#noteHeld(op, effect);
      const keepsOthers = (op.flags & OpFlag.otherType) !== 0;
      const isOther = valueClass !== undefined && valueClass !== 'hash' && !keepsOthers;
      if (effect.coversKey || isOther) for (const name of this.names) this.#forget(op, name);
      else if (valueClass === 'hash') {
        for (const { name, increment } of effect.cells) {
          if (increment === undefined) this.#forget(op, name);
        }
      }
    }
    if (fieldExpiry === undefined) return;
    for (const name of fieldExpiry.names) {
      this.#forget(op, name);
      const others = this.#assigns.get(name) ?? [];
      this.#set(name, [...others, { op, value: fieldExpiry.value }]);
    }
  }

  /** Whether some change of this expiry is not stable: then neither is what it must be weighed against. */
  isUnstable(name: string, stable: (op: LiveOp) => boolean): boolean {
    return this.#assigns.get(name)?.some((a) => !stable(a.op)) ?? false;
  }

  /** Forgets what is stable. Returns how much stays. */
  prune(stable: (op: LiveOp) => boolean): number {
    for (const name of this.names) {
      if (this.isUnstable(name, stable)) continue;
      this.#assigns.delete(name);
      this.#held.delete(name);
    }
    return this.#assigns.size;
  }

  clone(): FieldExpiries {
    const copy = new FieldExpiries();
    if (!this.isEmpty) copy.#assigns = new Map(this.#assigns);
    if (this.#held.size > 0) copy.#held = new Set(this.#held);
    return copy;
  }

  /** Which fields stay as they are in spite of `op`, and which do no longer. */
  #noteHeld(op: LiveOp, effect: Effect): void {
    if (effect.valueClass !== 'hash') {
      if (effect.coversKey) this.#held = NO_NAMES;
      return;
    }
    for (const { name, increment } of effect.cells)
      if (increment === undefined) this.#held.delete(name);
    for (const name of this.removedUnseen(op, effect)) {
      if (this.#held === NO_NAMES) this.#held = new Set();
      this.#held.add(name);
    }
  }

  #forget(op: LiveOp, name: string): void {
    const left = this.#assigns.get(name)?.filter((a) => !observed(op, a.op)) ?? [];
    if (left.length === 0) this.#assigns.delete(name);
    else this.#set(name, left);
  }

  #set(name: string, assigns: readonly Assign[]): void {
    if (this.#assigns === NO_ASSIGNS) this.#assigns = new Map();
    this.#assigns.set(name, assigns);
  }
}

/** The fields that an op takes away; `all`: those that count where it takes away everything. */
function removedBy(effect: Effect, all: Iterable<string>): Iterable<string> {
  if (effect.coversKey) return all;
  if (effect.valueClass !== 'hash') return effect.valueClass === undefined ? [] : all;
  return effect.cells
    .filter((c) => c.assign === undefined && c.increment === undefined)
    .map((c) => c.name);
}
