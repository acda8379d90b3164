// The live contributions to one key, by cell: what is left when every op has removed what it had
// observed (observed-remove, add wins; Shapiro et al. 2011). Held only for keys on which concurrent ops
// have met; it never outlives them.

import { OpFlag, OpKind, observed } from '../../model/op.ts';
import type { VersionVector } from '../../model/version-vector.ts';
import { Cell, type Contribution, isNewer } from './cell.ts';
import type { CellEffect, Effect, ValueClass } from './effect.ts';
import { GoneCells } from './gone-cells.ts';
import { FieldExpiries } from './hashes/field-expiries.ts';
import type { HyperLogLogValue } from './hyperloglogs/hyperloglog-value.ts';
import { Removals } from './hyperloglogs/removals.ts';
import { JsonValue } from './json/json-value.ts';
import { ListValue } from './lists/list-value.ts';
import type { LiveOp } from './live-op.ts';
import type { LiveValue, Measurement, StructuredClass } from './live-value.ts';
import { StreamValue } from './streams/stream-value.ts';
import { BEGINNINGS, isStructured } from './structured.ts';

export interface ExpiryContribution {
  readonly op: LiveOp;
  /** ms since the epoch, Infinity for none. */
  readonly value: number;
}

export class CellTable {
  readonly classes = new Map<ValueClass, Map<string, Cell>>();
  /** Values of the classes that are no cells by name. */
  readonly values = new Map<StructuredClass, LiveValue>();
  expiry: ExpiryContribution[] = [];
  fieldExpiries = new FieldExpiries();
  /** DELs that were not carried out here, because a change of the expiry that they had not seen protects
   * the key: the engine shows more than these contributions, until the value is asserted anew. */
  readonly #heldBack = new Set<LiveOp>();
  #removals = new Removals();
  /** The key was removed to be written anew, and an expiry that this had not seen waits for it. */
  expiryDue = false;
  /** An op covered the key as a whole: it holds these contributions and nothing else. */
  isComplete = false;
  /** The expiry from before the live ops was removed or replaced: only these assigns count. */
  isExpiryComplete = false;
  /** Ops are only tried on this copy, to see what the engine must do. */
  isTrial = false;
  /** The newest op that made a rounded sum the same everywhere (OpFlag.rounded). */
  rounding: LiveOp | undefined;
  /** The last op that covered the key as a whole. */
  #covering: LiveOp | undefined;
  /** Of a copy: the cells that it does not share any more. */
  #owned: Set<Cell> | undefined;
  /** What the engine shows of what is stable is of this class; undefined when nobody knows. */
  #baseClass: ValueClass | undefined;
  /** What the engine shows of a value that no live op has written to, as far as it was asked. */
  #measured: Measurement = {};
  #gone = new GoneCells();

  /** A copy to try ops on, of use while this one does not change: cells are shared until they are written. */
  clone(): CellTable {
    const copy = new CellTable();
    copy.#owned = new Set();
    for (const [type, cells] of this.classes) copy.classes.set(type, new Map(cells));
    for (const [valueClass, value] of this.values) copy.values.set(valueClass, value.clone());
    copy.expiry = [...this.expiry];
    copy.fieldExpiries = this.fieldExpiries.clone();
    for (const removal of this.#heldBack) copy.#heldBack.add(removal);
    copy.#removals = this.#removals.clone();
    copy.expiryDue = this.expiryDue;
    copy.isComplete = this.isComplete;
    copy.isExpiryComplete = this.isExpiryComplete;
    copy.rounding = this.rounding;
    copy.#baseClass = this.#baseClass;
    copy.#measured = this.#measured;
    copy.#covering = this.#covering;
    copy.#gone = this.#gone.clone();
    return copy;
  }

  cell(valueClass: ValueClass, name: string): Cell | undefined {
    return this.classes.get(valueClass)?.get(name);
  }

  /** The class of the newest live contribution: the one that clients see. */
  visibleClass(): ValueClass | undefined {
    const alive = this.#aliveClasses();
    if (alive.length < 2) return alive[0];
    let newest: LiveOp | undefined;
    let visible = alive[0];
    for (const valueClass of alive) {
      const op = this.newestOp(valueClass);
      if (op !== undefined && (newest === undefined || isNewer(op, newest))) {
        newest = op;
        visible = valueClass;
      }
    }
    return visible;
  }

  /** The structure of a class, once an op has written to it. */
  value(valueClass: ValueClass): LiveValue | undefined {
    return this.values.get(valueClass as StructuredClass);
  }

  get list(): ListValue | undefined {
    return this.values.get('list') as ListValue | undefined;
  }

  get hyperLogLog(): HyperLogLogValue | undefined {
    return this.values.get('hyperloglog') as HyperLogLogValue | undefined;
  }

  get stream(): StreamValue | undefined {
    return this.values.get('stream') as StreamValue | undefined;
  }

  /** Whether a DEL that this op had not observed beats it, should it add to a HyperLogLog or create a group. */
  isBeaten(op: LiveOp): boolean {
    return this.#removals.beat(op);
  }

  get json(): JsonValue | undefined {
    return this.values.get('json') as JsonValue | undefined;
  }

  /** The engine shows this, now that all ops so far are in it. */
  noteMeasured(measured: Measurement): void {
    const { length, document } = measured;
    if (length !== undefined) this.list?.settle(length);
    if (document !== undefined) this.json?.settle(document ?? undefined);
    if (!this.isComplete) this.#measured = measured;
  }

  /** Contributions of a class, over all its cells. */
  sizeOf(valueClass: ValueClass): number {
    const value = this.value(valueClass);
    if (value !== undefined) return value.size;
    let size = 0;
    for (const cell of this.classes.get(valueClass)?.values() ?? []) size += cell.size;
    return size;
  }

  /** The value of some live op is known only where it was written. */
  get holdsUnknown(): boolean {
    return this.cell('opaque', '')?.assigns.some((c) => c.assign === undefined) ?? false;
  }

  get isMixed(): boolean {
    return this.#aliveClasses().length > 1;
  }

  #aliveClasses(): ValueClass[] {
    const alive: ValueClass[] = [...this.classes.keys()];
    for (const [valueClass, value] of this.values) if (value.isAlive) alive.push(valueClass);
    return alive;
  }

  /** The newest op that contributes to a class, over all its cells. */
  newestOp(valueClass: ValueClass): LiveOp | undefined {
    const value = this.value(valueClass);
    if (value !== undefined) return value.newest;
    let newest: LiveOp | undefined;
    for (const cell of this.classes.get(valueClass)?.values() ?? []) {
      const op = cell.newest;
      if (op !== undefined && (newest === undefined || isNewer(op, newest))) newest = op;
    }
    return newest;
  }

  /** The newest value without cells. */
  get opaque(): Contribution | undefined {
    return this.cell('opaque', '')?.winner;
  }

  /** The longest of the live expiry assigns; undefined when none is alive. */
  expiryTarget(): number | undefined {
    return this.expiry.length === 0 ? undefined : Math.max(...this.expiry.map((e) => e.value));
  }

  /** The changes of the expiry that keep the key from being removed by this DEL, which had not seen
   * them. Each one's origin asserts the key's value anew: no other one can know that it need not, as
   * what its own write replaced there may be alive elsewhere. */
  protectorsAgainst(op: LiveOp): ExpiryContribution[] {
    if (op.kind !== OpKind.del || op.isReplaced) return [];
    return this.expiry.filter((e) => e.op.kind === OpKind.expire && !observed(op, e.op));
  }

  /** Cells of a class that were removed and are not alive. */
  removedCells(valueClass: ValueClass): string[] {
    const alive = this.classes.get(valueClass);
    return this.#gone.namesOf(valueClass).filter((name) => alive?.has(name) !== true);
  }

  /** The only members that a sorted set may have; undefined: it is not known that others are gone. */
  get retainedMembers(): string[] | undefined {
    const { retained } = this.#gone;
    if (retained === undefined) return undefined;
    return [...new Set([...retained, ...(this.classes.get('zset')?.keys() ?? [])])];
  }

  get heldBack(): boolean {
    return this.#heldBack.size > 0;
  }

  /** The removals that the engine does not show yet. */
  get heldBackRemovals(): ReadonlySet<LiveOp> {
    return this.#heldBack;
  }

  /** Whether what is held back still is after `op`. Not when the changes of the expiry are gone, nor
   * when someone who saw the removal and not them has begun the key anew. */
  #isProtected(op: LiveOp, effect: Effect): boolean {
    const protectors = this.expiry.filter((e) => e.op.kind === OpKind.expire);
    if (protectors.length === 0) return false;
    const last = [...this.#heldBack].at(-1) as LiveOp;
    const anew = effect.adds && observed(op, last) && !protectors.some((e) => observed(op, e.op));
    return !anew;
  }

  /** `op` writes another type than what is stable, so its origin had seen that hidden: it goes. */
  replacesBase(op: LiveOp, { valueClass, coversKey }: Effect): boolean {
    if (coversKey || valueClass === undefined || (op.flags & OpFlag.otherType) !== 0) return false;
    const base = this.#baseClass;
    return base !== undefined && base !== valueClass && base !== 'opaque';
  }

  /** Takes `op` in: removes what it has observed of the cells it covers, and adds its own. */
  integrate(op: LiveOp, effect: Effect): void {
    this.#takeIn(op, effect);
    // What was measured was so before this op.
    this.#measured = {};
  }

  #takeIn(op: LiveOp, effect: Effect): void {
    if ((op.flags & OpFlag.rounded) !== 0) this.#noteRounding(op);
    if (this.protectorsAgainst(op).length > 0) this.#heldBack.add(op);
    this.fieldExpiries.integrate(op, effect);
    if (op.removesList) this.#structured('list');
    if (effect.coversKey || this.replacesBase(op, effect)) this.#baseClass = undefined;
    if (effect.coversKey) {
      this.isComplete = !op.isUnknown;
      this.#covering = op;
      this.#removeObservedValues(op);
      this.#removals.note(op);
    }
    if (effect.retains !== undefined) this.#removeAllBut(op, effect.retains);
    const keepsOthers = (op.flags & OpFlag.otherType) !== 0;
    if (!effect.coversKey && effect.valueClass !== undefined && !keepsOthers) {
      this.#removeOtherClasses(op, effect.valueClass);
    }
    if (effect.clearsExpiry || effect.expiry !== undefined) {
      this.expiry = this.expiry.filter((e) => !observed(op, e.op));
    }
    if (effect.expiry !== undefined) this.expiry.push({ op, value: effect.expiry });
    if (effect.expiry !== undefined || op.isReplaced) this.isExpiryComplete = true;
    if (this.heldBack && !this.#isProtected(op, effect)) {
      this.#heldBack.clear();
      for (const value of this.values.values()) value.heldBackIsOver?.();
    }
    const valueClass = effect.valueClass;
    if (valueClass === undefined) return;
    if (isStructured(valueClass)) {
      if (valueClass === 'hyperloglog' && this.isBeaten(op)) return;
      this.#structured(valueClass).integrate(op, this.#removals.beat(op));
      return;
    }
    for (const cell of effect.cells) this.#integrateCell(op, valueClass, cell);
  }

  /** Forgets what is stable. Returns the number of contributions that stay. */
  prune(frontier: VersionVector): number {
    // Until it is asserted anew, what protects the key must be known.
    if (this.heldBack) return this.#contributions();
    const stable = ({ origin, seq }: Pick<LiveOp, 'origin' | 'seq'>): boolean =>
      seq <= (frontier[origin] as number);
    if (this.expiry.every((e) => stable(e.op))) {
      if (this.expiry.length > 0) this.isExpiryComplete = false;
      this.expiry = [];
    }
    this.#removals.prune(stable);
    let kept = this.expiry.length;
    // With two types on the key, contributions that are stable still hide or show others.
    const mixed = this.isMixed;
    for (const [valueClass, cells] of this.classes) {
      for (const [name, cell] of cells) {
        const isFixed = valueClass === 'hash' && this.fieldExpiries.isUnstable(name, stable);
        if (!mixed && !isFixed && cell.prune(stable)) {
          this.isComplete = false;
          this.#baseClass = valueClass;
          this.#gone.back(valueClass, name);
        }
        if (cell.size === 0) cells.delete(name);
        else kept += cell.size;
      }
      if (cells.size === 0) this.classes.delete(valueClass);
    }
    if (!mixed) kept += this.fieldExpiries.prune(stable);
    for (const [valueClass, value] of this.values) {
      if (mixed) {
        kept += value.size;
        continue;
      }
      const { size, isAlive } = value;
      const left = value.prune(stable);
      if (isAlive || left < size) this.isComplete = false;
      if (isAlive) this.#baseClass = valueClass;
      if (left > 0) kept += left;
      else this.values.delete(valueClass);
    }
    return kept;
  }

  #structured(valueClass: StructuredClass): LiveValue {
    let value = this.values.get(valueClass);
    if (value !== undefined) return value;
    value = BEGINNINGS[valueClass]();
    this.values.set(valueClass, value);
    if (value instanceof StreamValue && this.isTrial) value.markShown();
    if (value instanceof ListValue || value instanceof JsonValue) this.#begin(value);
    return value;
  }

  #begin(value: ListValue | JsonValue): void {
    const { length, document } = this.#measured;
    if (this.isComplete && this.#covering !== undefined) value.beginAfter(this.#covering);
    else if (value instanceof JsonValue) {
      if (document !== undefined) value.settle(document ?? undefined);
    } else if (length !== undefined) value.settle(length);
  }

  #contributions(): number {
    let count = this.expiry.length;
    for (const valueClass of this.#aliveClasses()) count += this.sizeOf(valueClass);
    return count;
  }

  #removeObservedValues(op: LiveOp): void {
    for (const [valueClass, cells] of this.classes) {
      for (const [name, cell] of cells) this.#removeFromCell(op, cells, name, cell);
      if (cells.size === 0) this.classes.delete(valueClass);
    }
    for (const value of this.values.values()) value.removeObserved(op, this.#heldBack.has(op));
  }

  /** Who writes one type has seen no value of another: what it observed of those is gone. */
  #removeOtherClasses(op: LiveOp, own: ValueClass): void {
    for (const [valueClass, value] of this.values) {
      if (valueClass !== own) value.removeObserved(op, false);
    }
    if (this.classes.size === 0 || (this.classes.size === 1 && this.classes.has(own))) return;
    for (const [valueClass, cells] of this.classes) {
      if (valueClass === own) continue;
      // A value without cells that the writer of a cell had observed is what the cells stand on.
      if (valueClass === 'opaque') this.isComplete = false;
      for (const [name, cell] of cells) this.#removeFromCell(op, cells, name, cell);
      if (cells.size === 0) this.classes.delete(valueClass);
    }
  }

  #removeAllBut(op: LiveOp, names: ReadonlySet<string>): void {
    this.#gone.retain(names);
    const cells = this.classes.get('zset');
    if (cells === undefined) return;
    for (const [name, cell] of cells) {
      if (!names.has(name)) this.#removeFromCell(op, cells, name, cell);
    }
    if (cells.size === 0) this.classes.delete('zset');
  }

  #removeFromCell(op: LiveOp, cells: Map<string, Cell>, name: string, shared: Cell): void {
    const cell = this.#writable(cells, name, shared);
    cell.keep((c) => !observed(op, c.op));
    cell.baseGone = true;
    if (cell.size === 0) cells.delete(name);
  }

  #integrateCell(op: LiveOp, valueClass: ValueClass, effect: CellEffect): void {
    let cells = this.classes.get(valueClass);
    const { name, assign, increment } = effect;
    const shared = cells?.get(name);
    let cell = shared === undefined ? undefined : this.#writable(cells, name, shared);
    if (increment === undefined && cell !== undefined) {
      cell.keep((c) => !observed(op, c.op));
      cell.baseGone = true;
    }
    if (assign === undefined && increment === undefined && effect.unknown !== true) {
      this.#gone.remove(valueClass, name);
      if (cell?.size !== 0) return;
      cells?.delete(name);
      if (cells?.size === 0) this.classes.delete(valueClass);
      return;
    }
    if (cells === undefined) {
      cells = new Map();
      this.classes.set(valueClass, cells);
    }
    if (cell === undefined) {
      cell = new Cell(
        increment === undefined || this.isComplete || this.#gone.has(valueClass, name),
      );
      this.#owned?.add(cell);
      cells.set(name, cell);
    }
    cell.add({ op, assign, increment });
    if (increment === undefined) this.#gone.back(valueClass, name);
  }

  #writable(cells: Map<string, Cell> | undefined, name: string, shared: Cell): Cell {
    if (this.#owned === undefined || this.#owned.has(shared)) return shared;
    const own = shared.clone();
    this.#owned.add(own);
    cells?.set(name, own);
    return own;
  }

  #noteRounding(op: LiveOp): void {
    const last = this.rounding;
    if (last === undefined || observed(op, last) || isNewer(op, last)) this.rounding = op;
  }
}
