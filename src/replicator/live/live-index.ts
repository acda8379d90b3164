// The live index: per key, the ops that some member has not confirmed. A new op can be concurrent only
// with these, so for every other key the engine's plain value is all there is to know.
//
// Integrating an op also tells what this member has to assert because of it (docs/architecture.md): a
// value only its origin knows, an expiry that protects its key, a float whose sum depends on the order.

import { isInteger } from '../../model/decimal.ts';
import { OpFlag, OpKind, observed } from '../../model/op.ts';
import type { Slot, VersionVector } from '../../model/version-vector.ts';
import type { CellTable } from './cells.ts';
import { CELL_KINDS, commandEffect, type Effect, effectOf } from './effect.ts';
import { KeyEntry } from './key-entry.ts';
import type { LiveOp } from './live-op.ts';
import type { Measurement } from './live-value.ts';
import type { Conflict, ConflictType } from './meetings/conflict.ts';
import { conflictOf } from './meetings/conflict-of.ts';
import { isTangled } from './tangle.ts';

/** What a member must read from its engine and ship, because of concurrent ops. */
export type Assertion =
  | { readonly kind: 'whole' }
  | { readonly kind: 'expiry' }
  /** Fields of a hash with their expiries, or that they are gone. */
  | { readonly kind: 'fields'; readonly names: readonly string[] }
  /** Sums that were rounded. `integers`: what was added are integers, so sums that are integers are exact. */
  | {
      readonly kind: 'cells';
      readonly valueClass: 'string' | 'zset';
      readonly names: string[];
      readonly integers: boolean;
    };

/** What happened when an op was integrated. */
export interface Integration {
  /** The op met one that it had not observed, where both write. */
  readonly conflict: ConflictType | undefined;
  /** This member must assert this. */
  readonly assertion: Assertion | undefined;
  /** And these fields. */
  readonly fields?: Assertion;
}

const REMOVALS: ReadonlySet<OpKind> = new Set([
  OpKind.del,
  OpKind.hdel,
  OpKind.srem,
  OpKind.zrem,
  OpKind.zretain,
  OpKind.lpop,
  OpKind.rpop,
  OpKind.ltrim,
  OpKind.lremAt,
]);

const QUIET: Integration = { conflict: undefined, assertion: undefined };

/**
 * The dots of one origin in sequence order, as they wait to become stable, and whose keys they are. Not
 * the ops themselves: most are replaced on a busy key before they are stable, and need not be kept.
 */
class UnstableQueue {
  #seqs: number[] = [];
  #entries: KeyEntry[] = [];
  #head = 0;

  push(seq: number, entry: KeyEntry): void {
    this.#seqs.push(seq);
    this.#entries.push(entry);
  }

  /** The entry of the next dot, if that is not beyond `seq`. */
  shiftUpTo(seq: number): KeyEntry | undefined {
    const head = this.#head;
    const entry = this.#entries[head];
    if (entry === undefined || (this.#seqs[head] as number) > seq) return undefined;
    this.#head++;
    if (this.#head === this.#seqs.length) {
      this.#seqs = [];
      this.#entries = [];
      this.#head = 0;
    } else if (this.#head > 4096 && this.#head * 2 > this.#seqs.length) {
      this.#seqs = this.#seqs.slice(this.#head);
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
    return entry;
  }

  get length(): number {
    return this.#seqs.length - this.#head;
  }
}

export class LiveIndex {
  readonly #self: Slot;
  /** Members that are gone: what they would assert, everyone else does. */
  readonly #gone: Pick<ReadonlySet<Slot>, 'has'>;
  readonly #onOpaque: (op: LiveOp) => void;
  readonly #onConflict: (op: LiveOp, conflict: Conflict) => void;
  readonly #entries = new Map<string, KeyEntry>();
  readonly #queues: UnstableQueue[];

  /** `onOpaque` marks a new op of this member that writes to a cell of an opaque value; `onConflict` is
   * told of a conflict before the op is merged. */
  constructor(
    self: Slot,
    members: number,
    onOpaque: (op: LiveOp) => void,
    onConflict: (op: LiveOp, conflict: Conflict) => void = () => {},
    gone: Pick<ReadonlySet<Slot>, 'has'> = new Set(),
  ) {
    this.#self = self;
    this.#gone = gone;
    this.#onOpaque = onOpaque;
    this.#onConflict = onConflict;
    this.#queues = Array.from({ length: members }, () => new UnstableQueue());
  }

  get keyCount(): number {
    return this.#entries.size;
  }

  get opCount(): number {
    let count = 0;
    for (const queue of this.#queues) count += queue.length;
    return count;
  }

  /** Whether the engine shows more of a key than its live ops say: see CellTable.heldBack. */
  isHeldBack(key: string): boolean {
    return this.#entries.get(key)?.table?.heldBack ?? false;
  }

  get(key: string): KeyEntry | undefined {
    return this.#entries.get(key);
  }

  /** Keys on which concurrent ops have met. */
  *mergedKeys(): Iterable<string> {
    for (const { key, table } of this.#entries.values()) if (table !== undefined) yield key;
  }

  /** The engine shows this, now that all ops integrated so far are in it; a concurrent op follows. */
  noteMeasured(key: string, measured: Measurement): void {
    this.#entries.get(key)?.expand(measured);
  }

  /** Takes in an op at its place in the order in which this engine saw it. */
  integrate(op: LiveOp): Integration {
    let entry = this.#entries.get(op.key);
    if (entry === undefined) {
      entry = new KeyEntry(op.key);
      this.#entries.set(op.key, entry);
    }
    entry.unstable++;
    (this.#queues[op.origin] as UnstableQueue).push(op.seq, entry);
    if (op.origin === this.#self) {
      entry.lastLocal = op.seq;
      if (entry.holdsUnknown && CELL_KINDS.has(op.kind)) this.#onOpaque(op);
    }
    const causal = entry.isObservedBy(op);
    if (entry.table === undefined && causal) {
      entry.append(op);
      return QUIET;
    }
    const table = entry.expand();
    const effect = effectOf(op);
    const judged = causal ? QUIET : this.#judge(entry, table, op, effect);
    const integration = causal ? QUIET : this.#withFields(judged, table, op, effect);
    table.integrate(op, effect);
    entry.noteHead(op);
    entry.noteRecent(op, effect);
    const isListGuessed = table.list?.takeDoubt() === true;
    const isPlacedByGuess = table.json?.takeDoubt() === true || isListGuessed;
    if (causal || integration.assertion !== undefined) return integration;
    const assertion = this.#assertionAfter(table, op, effect, isPlacedByGuess);
    return assertion === undefined ? integration : { ...integration, assertion };
  }

  /** Forgets ops that every member has. */
  stabilise(frontier: VersionVector): void {
    for (let slot = 0; slot < this.#queues.length; slot++) {
      const queue = this.#queues[slot] as UnstableQueue;
      const seq = frontier[slot] as number;
      for (;;) {
        const entry = queue.shiftUpTo(seq);
        if (entry === undefined) break;
        entry.unstable--;
        if (entry.unstable > 0) entry.sweep(frontier);
        else if (entry.table?.heldBack !== true) this.#entries.delete(entry.key);
      }
    }
  }

  /** Whether what follows from an op of this origin is to be asserted here. */
  #isMine(origin: Slot | undefined): boolean {
    return origin === this.#self || (origin !== undefined && this.#gone.has(origin));
  }

  /** Looks at the table before `op` changes it. */
  #judge(entry: KeyEntry, table: CellTable, op: LiveOp, effect: Effect): Integration {
    const met = conflictOf(op, effect, table, entry.recent);
    if (met !== undefined) this.#onConflict(op, met);
    const isMine = table.protectorsAgainst(op).some((e) => this.#isMine(e.op.origin));
    return { conflict: met?.type, assertion: isMine ? { kind: 'whole' } : undefined };
  }

  /** A field that `op` removes may have been extended here meanwhile: it is written again as it is here. */
  #withFields(judged: Integration, table: CellTable, op: LiveOp, effect: Effect): Integration {
    const names = table.fieldExpiries.removedUnseen(op, effect, (origin) => this.#isMine(origin));
    return names.length === 0 ? judged : { ...judged, fields: { kind: 'fields', names } };
  }

  /** Looks at the table that `op`, not causal, has changed. */
  #assertionAfter(
    table: CellTable,
    op: LiveOp,
    effect: Effect,
    isPlacedByGuess: boolean,
  ): Assertion | undefined {
    if (isPlacedByGuess) return { kind: 'whole' };
    const removes = REMOVALS.has(op.kind) && op.kind !== OpKind.del;
    const isLost = effect.valueClass === 'hyperloglog' && table.isBeaten(op);
    if ((removes || isLost) && this.#changedExpiry(table, op)) return { kind: 'expiry' };
    const visible = table.visibleClass();
    if (visible === undefined) return undefined;
    if (visible === 'string' && isTangled(table)) {
      return this.#isMine(table.newestOp(visible)?.origin) ? { kind: 'whole' } : undefined;
    }
    if (visible === 'opaque') {
      const opaque = table.opaque;
      const mine = this.#isMine(opaque?.op.origin) && opaque?.assign === undefined;
      return mine ? { kind: 'whole' } : undefined;
    }
    if (REMOVALS.has(op.kind) && !op.isReplaced) {
      // Where it was made the key may have vanished, and its expiry with it: what survived brings the
      // key back there, and the newest survivor's origin sees to the expiry.
      if (table.protectorsAgainst(op).length > 0) return undefined;
      return this.#isMine(table.newestOp(visible)?.origin) ? { kind: 'expiry' } : undefined;
    }
    return this.#roundingAssertion(table, op, effect);
  }

  /** Where `op` was made the key may have vanished before this member's change of its expiry came. */
  #changedExpiry(table: CellTable, op: LiveOp): boolean {
    return table.expiry.some(
      (e) => this.#isMine(e.op.origin) && e.op.kind === OpKind.expire && !observed(op, e.op),
    );
  }

  /** Sums of doubles depend on their order: the newest writer's sum is made everyone's. */
  #roundingAssertion(table: CellTable, op: LiveOp, effect: Effect): Assertion | undefined {
    const isRounding = (op.flags & OpFlag.rounded) !== 0;
    const valueClass = isRounding ? commandEffect(op).valueClass : effect.valueClass;
    if (op.origin === this.#self || (valueClass !== 'zset' && valueClass !== 'string')) {
      return undefined;
    }
    const names: string[] = [];
    let integers = true;
    for (const { name } of effect.cells) {
      const cell = table.cell(valueClass, name);
      if (cell === undefined || !cell.isInexact || cell.size < 2) continue;
      if (!this.#isMine(cell.newest?.origin)) continue;
      names.push(name);
      integers &&= cell.increments.every(({ increment = '' }) => isInteger(increment));
    }
    // What this member had made equal is not, where this op came first: of two such, the newer tries again.
    const rounding = table.rounding;
    if (rounding !== undefined && this.#isMine(rounding.origin) && !observed(op, rounding)) {
      for (const { name } of commandEffect(rounding).cells) names.push(name);
      integers = false;
    }
    return names.length > 0 ? { kind: 'cells', valueClass, names, integers } : undefined;
  }
}
