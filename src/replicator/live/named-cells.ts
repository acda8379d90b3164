// The live contributions to the values of a key that are cells by name: fields, members, a string's text and
// its bits. A copy shares cells with the original until it writes to them.

import { observed } from '../../model/op.ts';
import { Cell, isNewer } from './cell.ts';
import type { CellEffect, ValueClass } from './effect.ts';
import { GoneCells } from './gone-cells.ts';
import type { LiveOp } from './live-op.ts';

export type CellsByClass = ReadonlyMap<ValueClass, ReadonlyMap<string, Cell>>;

export class NamedCells {
  readonly #classes = new Map<ValueClass, Map<string, Cell>>();
  /** Of a copy: the cells that it does not share any more. */
  #owned: Set<Cell> | undefined;
  #gone = new GoneCells();

  /** A copy, of use while this one does not change. */
  clone(): NamedCells {
    const copy = new NamedCells();
    copy.#owned = new Set();
    for (const [valueClass, cells] of this.#classes) copy.#classes.set(valueClass, new Map(cells));
    copy.#gone = this.#gone.clone();
    return copy;
  }

  get classes(): CellsByClass {
    return this.#classes;
  }

  /** Contributions of a class, over all its cells. */
  sizeOf(valueClass: ValueClass): number {
    let size = 0;
    for (const cell of this.#classes.get(valueClass)?.values() ?? []) size += cell.size;
    return size;
  }

  newestOf(valueClass: ValueClass): LiveOp | undefined {
    let newest: LiveOp | undefined;
    for (const cell of this.#classes.get(valueClass)?.values() ?? []) {
      const op = cell.newest;
      if (op !== undefined && (newest === undefined || isNewer(op, newest))) newest = op;
    }
    return newest;
  }

  /** Cells that were removed and are not alive. */
  removedOf(valueClass: ValueClass): string[] {
    const alive = this.#classes.get(valueClass);
    return this.#gone.namesOf(valueClass).filter((name) => alive?.has(name) !== true);
  }

  /** The only members that a sorted set may have; undefined: it is not known that others are gone. */
  get retainedMembers(): string[] | undefined {
    const { retained } = this.#gone;
    if (retained === undefined) return undefined;
    return [...new Set([...retained, ...(this.#classes.get('zset')?.keys() ?? [])])];
  }

  /** Takes an op's effect on one cell in. `isComplete`: the key holds nothing else than what is alive. */
  integrate(op: LiveOp, valueClass: ValueClass, effect: CellEffect, isComplete: boolean): void {
    let cells = this.#classes.get(valueClass);
    const { name, assign, increment } = effect;
    const shared = cells?.get(name);
    let cell = shared === undefined ? undefined : this.#writable(cells, name, shared);
    if (increment === undefined && cell !== undefined) {
      cell.drop((earlier) => observed(op, earlier));
      cell.baseGone = true;
    }
    if (assign === undefined && increment === undefined && effect.unknown !== true) {
      this.#gone.remove(valueClass, name);
      if (cell?.size !== 0) return;
      cells?.delete(name);
      if (cells?.size === 0) this.#classes.delete(valueClass);
      return;
    }
    if (cells === undefined) {
      cells = new Map();
      this.#classes.set(valueClass, cells);
    }
    if (cell === undefined) {
      const isNew = increment === undefined || isComplete || this.#gone.has(valueClass, name);
      cell = new Cell(isNew);
      this.#owned?.add(cell);
      cells.set(name, cell);
    }
    cell.add({ op, assign, increment });
    if (increment === undefined) this.#gone.back(valueClass, name);
  }

  /** Of a sorted set, `op` had seen all members but these removed. */
  retain(op: LiveOp, names: ReadonlySet<string>): void {
    this.#gone.retain(names);
    this.#removeObserved(op, 'zset', (name) => !names.has(name));
  }

  /** Removes what `op` had observed, of all classes but one. */
  removeAllObserved(op: LiveOp, except?: ValueClass): void {
    for (const valueClass of this.#classes.keys()) {
      if (valueClass !== except) this.#removeObserved(op, valueClass, () => true);
    }
  }

  #removeObserved(op: LiveOp, valueClass: ValueClass, isMeant: (name: string) => boolean): void {
    const cells = this.#classes.get(valueClass);
    if (cells === undefined) return;
    for (const [name, shared] of cells) {
      if (!isMeant(name)) continue;
      const cell = this.#writable(cells, name, shared);
      cell.drop((earlier) => observed(op, earlier));
      cell.baseGone = true;
      if (cell.size === 0) cells.delete(name);
    }
    if (cells.size === 0) this.#classes.delete(valueClass);
  }

  /**
   * Forgets what is stable of cells that are not fixed, and tells of each class of which something became
   * the engine's plain value. Returns the number of contributions that stay.
   */
  prune(
    isStable: (op: Pick<LiveOp, 'origin' | 'seq'>) => boolean,
    isFixed: (valueClass: ValueClass, name: string) => boolean,
    onForgotten: (valueClass: ValueClass) => void,
  ): number {
    let kept = 0;
    for (const [valueClass, cells] of this.#classes) {
      for (const [name, cell] of cells) {
        if (!isFixed(valueClass, name) && cell.prune(isStable)) {
          this.#gone.back(valueClass, name);
          onForgotten(valueClass);
        }
        if (cell.size === 0) cells.delete(name);
        else kept += cell.size;
      }
      if (cells.size === 0) this.#classes.delete(valueClass);
    }
    return kept;
  }

  #writable(cells: Map<string, Cell> | undefined, name: string, shared: Cell): Cell {
    if (this.#owned === undefined || this.#owned.has(shared)) return shared;
    const own = shared.clone();
    this.#owned.add(own);
    cells?.set(name, own);
    return own;
  }
}
