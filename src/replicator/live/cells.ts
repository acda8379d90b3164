// The live contributions to one key, by cell: what is left when every op has removed what it had
// observed (observed-remove, add wins; Shapiro et al. 2011). Held only for keys on which concurrent ops
// have met; it never outlives them.

import { OpFlag, OpKind, observed } from '../../model/op.ts';
import type { VersionVector } from '../../model/version-vector.ts';
import { type Cell, type Contribution, isNewer } from './cell.ts';
import type { Effect, ValueClass } from './effect.ts';
import { FieldExpiries } from './hashes/field-expiries.ts';
import type { HyperLogLogValue } from './hyperloglogs/hyperloglog-value.ts';
import { Removals, removesUnseen } from './hyperloglogs/removals.ts';
import { JsonValue } from './json/json-value.ts';
import { ListValue } from './lists/list-value.ts';
import type { LiveOp } from './live-op.ts';
import type { LiveValue, Measurement, StructuredClass } from './live-value.ts';
import { type CellsByClass, NamedCells } from './named-cells.ts';
import { StreamValue } from './streams/stream-value.ts';
import { BEGINNINGS, isStructured } from './structured.ts';

type Reach = Pick<Effect, 'valueClass' | 'coversKey'>;

export interface ExpiryContribution {
  readonly op: LiveOp;
  /** ms since the epoch, Infinity for none. */
  readonly value: number;
}

// Most tables have neither, and there may be many of them. Nothing is ever put into these.
const NO_VALUES = new Map<StructuredClass, LiveValue>();
const NOTHING = new Set<LiveOp>();

export class CellTable {
  #cells = new NamedCells();
  /** Values of the classes that are no cells by name. */
  values = NO_VALUES;
  expiry: ExpiryContribution[] = [];
  fieldExpiries = new FieldExpiries();
  /** DELs that were not carried out here, because a change of the expiry that they had not seen protects
   * the key: the engine shows more than these contributions, until the value is asserted anew. */
  #heldBack = NOTHING;
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
  /** What the engine shows of what is stable is of this class; undefined when nobody knows. */
  #baseClass: ValueClass | undefined;
  /** What the engine shows of a value that no live op has written to, as far as it was asked. */
  #measured: Measurement = {};

  /** A copy to try ops on, of use while this one does not change: cells are shared until they are written. */
  clone(): CellTable {
    const copy = new CellTable();
    copy.#cells = this.#cells.clone();
    for (const [valueClass, value] of this.values) copy.#setValue(valueClass, value.clone());
    copy.expiry = [...this.expiry];
    copy.fieldExpiries = this.fieldExpiries.clone();
    if (this.heldBack) copy.#heldBack = new Set(this.#heldBack);
    copy.#removals = this.#removals.clone();
    copy.expiryDue = this.expiryDue;
    copy.isComplete = this.isComplete;
    copy.isExpiryComplete = this.isExpiryComplete;
    copy.rounding = this.rounding;
    copy.#baseClass = this.#baseClass;
    copy.#measured = this.#measured;
    copy.#covering = this.#covering;
    return copy;
  }

  /** The cells by class and name. */
  get classes(): CellsByClass {
    return this.#cells.classes;
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
    if (this.isComplete) return;
    // Of use to those that the next ops begin.
    this.#measured = {
      length: this.list === undefined ? length : undefined,
      document: this.json === undefined ? document : undefined,
    };
  }

  /** Contributions of a class, over all its cells. */
  sizeOf(valueClass: ValueClass): number {
    const value = this.value(valueClass);
    return value?.size ?? this.#cells.sizeOf(valueClass);
  }

  /** The value of some live op is known only where it was written. */
  get holdsUnknown(): boolean {
    return this.cell('opaque', '')?.assigns.some((c) => c.assign === undefined) ?? false;
  }

  /** Contributions of all classes. */
  get size(): number {
    let count = this.expiry.length;
    for (const valueClass of this.#aliveClasses()) count += this.sizeOf(valueClass);
    return count;
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
    return value === undefined ? this.#cells.newestOf(valueClass) : value.newest;
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
    return this.expiry.filter((e) => protects(e) && !observed(op, e.op));
  }

  /** Cells of a class that were removed and are not alive. */
  removedCells(valueClass: ValueClass): string[] {
    return this.#cells.removedOf(valueClass);
  }

  /** The only members that a sorted set may have; undefined: it is not known that others are gone. */
  get retainedMembers(): string[] | undefined {
    return this.#cells.retainedMembers;
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
    const protectors = this.expiry.filter(protects);
    if (protectors.length === 0) return false;
    const last = [...this.#heldBack].at(-1) as LiveOp;
    const anew = effect.adds && observed(op, last) && !protectors.some((e) => observed(op, e.op));
    return !anew;
  }

  /** Whether something of the key shows that the op's origin, which builds on a value of another type, cannot have seen,
   * though it had observed who wrote it: it goes. */
  showsOther(op: LiveOp, { valueClass, coversKey }: Reach): boolean {
    if (coversKey || valueClass === undefined) return false;
    if (this.replacesBase(op, { valueClass, coversKey })) return true;
    const visible = this.visibleClass();
    return visible !== undefined && visible !== valueClass && visible !== 'opaque';
  }

  /** `op` writes another type than what is stable, so its origin had seen that hidden: it goes. */
  replacesBase(op: LiveOp, { valueClass, coversKey }: Reach): boolean {
    if (coversKey || valueClass === undefined || (op.flags & OpFlag.otherType) !== 0) return false;
    const base = this.#baseClass;
    return base !== undefined && base !== valueClass && base !== 'opaque';
  }

  /** Takes `op` in: removes what it has observed of the cells it covers, and adds its own. */
  integrate(op: LiveOp, effect: Effect): void {
    this.#takeIn(op, effect);
    if (op.kind !== OpKind.expire) this.#noteUnmeasured(effect.valueClass);
  }

  /** What was measured was so before an op of this class. What was no list, though, or no document, has become
   * none through an op of another class. */
  #noteUnmeasured(valueClass: ValueClass | undefined): void {
    const { length, document } = this.#measured;
    const isAnything = valueClass === 'opaque';
    this.#measured = {
      length: isAnything || valueClass === 'list' || length !== 0 ? undefined : length,
      document: isAnything || valueClass === 'json' || document !== null ? undefined : document,
    };
  }

  #takeIn(op: LiveOp, effect: Effect): void {
    if ((op.flags & OpFlag.rounded) !== 0) this.#noteRounding(op);
    if (this.protectorsAgainst(op).length > 0) this.#holdBack(op);
    this.fieldExpiries.integrate(op, effect);
    if (op.removesList) this.#structured('list');
    if (effect.coversKey || this.replacesBase(op, effect)) this.#baseClass = undefined;
    if (effect.coversKey) {
      this.isComplete = !op.isUnknown;
      this.#covering = op;
      this.#removeObservedValues(op);
      this.#removals.note(op);
    }
    if (effect.retains !== undefined) this.#cells.retain(op, effect.retains);
    const keepsOthers = (op.flags & OpFlag.otherType) !== 0;
    if (!effect.coversKey && effect.valueClass !== undefined && !keepsOthers) {
      this.#removeOtherClasses(op, effect.valueClass);
    }
    if (effect.clearsExpiry || effect.expiry !== undefined) {
      this.expiry = this.expiry.filter((e) => !observed(op, e.op));
    }
    // What was only stated again goes with the key, also where the removal had not seen it.
    if (removesUnseen(op)) this.expiry = this.expiry.filter((e) => !isRestated(e.op));
    const isVoid = isRestated(op) && this.#removals.beat(op);
    if (effect.expiry !== undefined && !isVoid) this.expiry.push({ op, value: effect.expiry });
    if (effect.expiry !== undefined || op.isReplaced) this.isExpiryComplete = true;
    if (this.heldBack && !this.#isProtected(op, effect)) {
      this.#heldBack = NOTHING;
      for (const value of this.values.values()) value.heldBackIsOver?.();
    }
    const valueClass = effect.valueClass;
    if (valueClass === undefined) return;
    if (isStructured(valueClass)) {
      if (valueClass === 'hyperloglog' && this.isBeaten(op)) return;
      this.#structured(valueClass).integrate(op, this.#removals.beat(op));
      return;
    }
    for (const cell of effect.cells) {
      this.#cells.integrate(op, valueClass, cell, this.isComplete);
      if (cell.increment !== undefined && !this.isTrial) {
        this.cell(valueClass, cell.name)?.foldMany();
      }
    }
  }

  /** Forgets what is stable. Returns the number of contributions that stay. */
  prune(frontier: VersionVector): number {
    // Until it is asserted anew, what protects the key must be known.
    if (this.heldBack) return this.size;
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
    const isFixed = (valueClass: ValueClass, name: string): boolean =>
      mixed || (valueClass === 'hash' && this.fieldExpiries.isUnstable(name, stable));
    kept += this.#cells.prune(stable, isFixed, (valueClass) => {
      this.isComplete = false;
      this.#baseClass = valueClass;
    });
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
    this.#setValue(valueClass, value);
    if (value instanceof StreamValue && this.isTrial) value.markShown();
    if (value instanceof ListValue || value instanceof JsonValue) this.#begin(value);
    return value;
  }

  #setValue(valueClass: StructuredClass, value: LiveValue): void {
    if (this.values === NO_VALUES) this.values = new Map();
    this.values.set(valueClass, value);
  }

  #holdBack(op: LiveOp): void {
    if (this.#heldBack === NOTHING) this.#heldBack = new Set();
    this.#heldBack.add(op);
  }

  #begin(value: ListValue | JsonValue): void {
    const { length, document } = this.#measured;
    if (this.isComplete && this.#covering !== undefined) value.beginAfter(this.#covering);
    else if (value instanceof JsonValue) {
      if (document !== undefined) value.settle(document ?? undefined);
    } else if (length !== undefined) value.settle(length);
  }

  #removeObservedValues(op: LiveOp): void {
    this.#cells.removeAllObserved(op);
    for (const value of this.values.values()) value.removeObserved(op, this.#heldBack.has(op));
  }

  /** Who writes one type has seen no value of another: what it observed of those is gone. */
  #removeOtherClasses(op: LiveOp, own: ValueClass): void {
    for (const [valueClass, value] of this.values) {
      if (valueClass !== own) value.removeObserved(op, false);
    }
    // A value without cells that the writer of a cell had observed is what the cells stand on.
    const standsOn = this.cell('opaque', '')?.assigns.some((c) => observed(op, c.op));
    if (own !== 'opaque' && standsOn === true) this.isComplete = false;
    this.#cells.removeAllObserved(op, own);
  }

  #noteRounding(op: LiveOp): void {
    const last = this.rounding;
    if (last === undefined || observed(op, last) || isNewer(op, last)) this.rounding = op;
  }
}

/** Somebody changed the expiry, and so wanted the key to stay. */
function protects({ op }: ExpiryContribution): boolean {
  return op.kind === OpKind.expire && !isRestated(op);
}

function isRestated(op: LiveOp): boolean {
  return (op.flags & OpFlag.restated) !== 0;
}
