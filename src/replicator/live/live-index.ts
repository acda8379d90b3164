// The live index: per key, the ops that some member has not confirmed. A new op can be concurrent only
// with these, so for every other key the engine's plain value is all there is to know.
//
// Integrating an op also tells what this member has to assert because of it (docs/architecture.md): a
// value only its origin knows, an expiry that protects its key, a float whose sum depends on the order.

import { LIST_KINDS, OpKind, observed, type Stamp } from '../../model/op.ts';
import type { Slot, VersionVector } from '../../model/version-vector.ts';
import { type Assertion, type Integration, letThrough, QUIET } from './assertion.ts';
import type { CellTable } from './cells.ts';
import type { ChainNodesOptions } from './chains/chain-nodes.ts';
import { Chains } from './chains/chains.ts';
import { CELL_KINDS, classBuiltOn, type Effect, effectOf } from './effect.ts';
import type { KeyEntry } from './key-entry.ts';
import type { LiveOp } from './live-op.ts';
import type { Measurement } from './live-value.ts';
import type { Conflict } from './meetings/conflict.ts';
import { conflictOf } from './meetings/conflict-of.ts';
import { type OpHistory, RememberedOps } from './op-history.ts';
import { ReplayNeeds } from './replay-needs.ts';
import { REMOVALS, sumsLeft, sumsMet } from './sums.ts';
import { tellerOf } from './tangle.ts';

/** So many merged keys are looked at in one go, to see whether they are stable. */
const SWEEP_ENTRIES = 2048;

/** So many are asked how much they hold, when all are to be estimated. */
const SAMPLED_ENTRIES = 1000;
/** About what a merged key takes, and each contribution to it. */
const ENTRY_BYTES = 1000;
const CONTRIBUTION_BYTES = 480;

export interface LiveIndexOptions extends ChainNodesOptions {
  /** Where ops are read again; without it they are remembered. */
  readonly history?: OpHistory;
  /** Something is yet to be done because of ops that have met on the key. */
  readonly isBusy?: (key: string) => boolean;
  /** Own ops behind this sequence are not done yet, whether or not they met others; infinite: all are. */
  readonly cutAfter?: () => number;
  /** Chosen anew for every life of a process. */
  readonly hashSeed?: number;
}

export class LiveIndex {
  readonly #self: Slot;
  /** Members that are gone: what they would assert, everyone else does. */
  readonly #gone: Pick<ReadonlySet<Slot>, 'has'>;
  readonly #onOpaque: (op: LiveOp) => void;
  readonly #onConflict: (op: LiveOp, conflict: Conflict) => void;
  readonly #history: OpHistory;
  readonly #isBusy: (key: string) => boolean;
  readonly #cutAfter: () => number;
  readonly #needs = new ReplayNeeds();
  /** Keys that are not among the entries. */
  readonly #chains: Chains;
  /** Keys on which concurrent ops have met, or are about to. */
  readonly #entries = new Map<string, KeyEntry>();
  /** Per slot the last sequence that was integrated. */
  readonly #lastSeqs: VersionVector;
  #frontier: VersionVector;
  /** Entries that are yet to be swept since the frontier rose. */
  #unswept: Iterator<KeyEntry> | undefined;
  /** It rose once more in the midst of that. */
  #sweepsAgain = false;
  /** Own ops that are kept and still stand in a frame that is not in the log. */
  #unlogged: LiveOp[] = [];

  /** `onOpaque` marks a new op of this member that writes to a cell of an opaque value; `onConflict` is
   * told of a conflict before the op is merged. */
  constructor(
    self: Slot,
    members: number,
    onOpaque: (op: LiveOp) => void,
    onConflict: (op: LiveOp, conflict: Conflict) => void = () => {},
    gone: Pick<ReadonlySet<Slot>, 'has'> = new Set(),
    options: LiveIndexOptions = {},
  ) {
    this.#self = self;
    this.#gone = gone;
    this.#onOpaque = onOpaque;
    this.#onConflict = onConflict;
    this.#history = options.history ?? new RememberedOps();
    this.#isBusy = options.isBusy ?? (() => false);
    this.#cutAfter = options.cutAfter ?? (() => Number.POSITIVE_INFINITY);
    this.#chains = new Chains(self, members, this.#history, options);
    this.#lastSeqs = new Float64Array(members);
    this.#frontier = new Float64Array(members);
  }

  get keyCount(): number {
    return this.#chains.count + this.#entries.size;
  }

  /** Keys on which concurrent ops have met. */
  get mergedCount(): number {
    return this.#entries.size;
  }

  /** Ops up to the last one on any key, stable ones left out. */
  get opCount(): number {
    let count = 0;
    this.#lastSeqs.forEach((seq, slot) => {
      count += Math.max(0, seq - (this.#frontier[slot] as number));
    });
    return count;
  }

  /** About what it takes in memory. */
  get bytes(): number {
    let contributions = 0;
    let looked = 0;
    for (const entry of this.#entries.values()) {
      contributions += entry.opCount;
      if (++looked === SAMPLED_ENTRIES) break;
    }
    const mean = looked === 0 ? 0 : contributions / looked;
    return this.#chains.bytes + this.#entries.size * (ENTRY_BYTES + mean * CONTRIBUTION_BYTES);
  }

  /** What of it is on disk. */
  get storedBytes(): number {
    return this.#chains.storedBytes;
  }

  /** Whether the engine shows more of a key than its live ops say: see CellTable.heldBack. */
  isHeldBack(key: string): boolean {
    return this.#entries.get(key)?.table?.heldBack ?? false;
  }

  /** Whether the engine shows of a key what the op's origin did not, though it had observed all ops: more than it said in
   * time, or another type. */
  showsOther(op: LiveOp): boolean {
    const table = this.merged(op.key)?.table;
    if (table === undefined) return false;
    const valueClass = classBuiltOn(op);
    return table.heldBack || table.showsOther(op, { valueClass, coversKey: false });
  }

  /** Whether `stamp` has observed every op on a key. */
  isObserved(key: string, stamp: Stamp): boolean {
    const entry = this.merged(key);
    if (entry !== undefined) return entry.isObservedBy(stamp);
    return !this.#chains.seek(key) || this.#chains.isObservedBy(stamp);
  }

  /** Whether an op can only be placed once it is known how many elements of a list the engine shows. `isMerging`: it
   * comes behind one that is merged, and so is merged too. */
  needsLength(op: LiveOp, isMerging = false): boolean {
    const entry = this.merged(op.key);
    if (entry !== undefined) return entry.needsLength(op, isMerging);
    // A list without live ops may get some from the batch that is under way.
    if (!this.#chains.seek(op.key)) return LIST_KINDS.has(op.kind);
    if (!isMerging && this.#chains.isObservedBy(op)) return false;
    return this.#chains.needsLength(op);
  }

  /** Whether an op can only be taken in once it is known what document the engine shows; likewise. */
  needsDocument(op: LiveOp, isMerging = false): boolean {
    const entry = this.merged(op.key);
    if (entry !== undefined) return entry.needsDocument(op, isMerging);
    if (!this.#chains.seek(op.key)) return false;
    if (!isMerging && this.#chains.isObservedBy(op)) return false;
    return this.#chains.needsDocument(op);
  }

  /** What is known of a key without reading its ops. */
  summary(key: string): Pick<KeyEntry, 'lastLocal' | 'holdsUnknown'> | undefined {
    return this.merged(key) ?? (this.#chains.seek(key) ? this.#chains.view : undefined);
  }

  /**
   * Whether the op's origin has assigned its key anew, so that nothing here refers to the op any more. Who gets that SET
   * and not the op comes to what this member has. Of what is stable nothing is known.
   */
  isSuperseded(op: LiveOp): boolean {
    if (op.seq <= (this.#frontier[op.origin] as number)) return false;
    if (this.merged(op.key) !== undefined || !this.#chains.seek(op.key)) return false;
    const set = this.#chains.onlySet;
    return set?.origin === op.origin && set.seq > op.seq;
  }

  /** The entry of a key on which concurrent ops have met. */
  merged(key: string): KeyEntry | undefined {
    return this.#entries.size === 0 ? undefined : this.#entries.get(key);
  }

  /** The entry of a key, with its ops: for where a concurrent op is coming. */
  get(key: string): KeyEntry | undefined {
    const known = this.merged(key);
    if (known !== undefined || !this.#chains.seek(key)) return known;
    const entry = this.#chains.read();
    this.#chains.remove();
    this.#entries.set(key, entry);
    for (const op of entry.chain()) {
      if (op.seq > (this.#frontier[op.origin] as number)) entry.noteNeeded(op);
    }
    this.#keepOps(entry);
    return entry;
  }

  /** The same to look at: nothing is kept of it. */
  inspect(key: string): KeyEntry | undefined {
    return this.merged(key) ?? (this.#chains.seek(key) ? this.#chains.read() : undefined);
  }

  /** Keys on which concurrent ops have met. */
  *mergedKeys(): Iterable<string> {
    for (const { key, table } of this.#entries.values()) if (table !== undefined) yield key;
  }

  /** The engine shows this, now that all ops integrated so far are in it; a concurrent op follows. */
  noteMeasured(key: string, measured: Measurement): void {
    this.get(key)?.expand(measured);
  }

  /** Takes in an op at its place in the order in which this engine saw it. */
  integrate(op: LiveOp): Integration {
    this.#history.note(op);
    this.#lastSeqs[op.origin] = op.seq;
    const isOwn = op.origin === this.#self;
    let entry = this.merged(op.key);
    if (entry === undefined) {
      const chains = this.#chains;
      const isKnown = chains.seek(op.key);
      if (!isKnown || chains.isObservedBy(op)) {
        if (isKnown && isOwn && chains.holdsUnknown) this.#mark(op);
        chains.append(op);
        return QUIET;
      }
      entry = this.get(op.key) as KeyEntry;
    }
    if (isOwn) {
      entry.lastLocal = op.seq;
      if (entry.holdsUnknown) this.#mark(op);
      this.#unlogged.push(op);
    } else op.detach();
    entry.noteNeeded(op);
    const causal = entry.isObservedBy(op);
    if (entry.table === undefined && causal) {
      entry.append(op);
      return QUIET;
    }
    const table = entry.expand();
    const effect = effectOf(op);
    const judged = causal ? QUIET : this.#judge(entry, table, op, effect);
    const integration = causal ? QUIET : this.#withFields(judged, table, op, effect);
    const wasHeldBack = table.heldBack;
    table.integrate(op, effect);
    entry.noteHead(op);
    entry.noteRecent(op, effect);
    if (isOwn && wasHeldBack && !table.heldBack) return letThrough(table.visibleClass());
    const isOther = effect.adds && effect.valueClass !== 'list';
    const isListGuessed =
      table.list?.takeDoubt() === true || (isOther && table.list?.isBaseGuessed === true);
    const isPlacedByGuess = table.json?.takeDoubt() === true || isListGuessed;
    if (causal || integration.assertion !== undefined) return integration;
    const assertion = this.#assertionAfter(table, op, effect, isPlacedByGuess);
    const sums =
      assertion?.kind === 'whole' ? undefined : sumsLeft(table, op, effect, this.#isMine);
    if (assertion === undefined && sums === undefined) return integration;
    return { ...integration, assertion, ...(sums === undefined ? {} : { sums }) };
  }

  /** Up to where the log may go: what is stable, less what a replay needs (replay-needs.ts). */
  get replayable(): VersionVector {
    const bounds = this.#needs.bounds(this.#frontier, this.#entries.values());
    bounds[this.#self] = Math.min(bounds[this.#self] as number, this.#cutAfter());
    return bounds;
  }

  /** Keys that are forgotten since the last call though concurrent ops had met there: goes into the log. */
  takeOver(): string[][] {
    return this.#needs.takeOver();
  }

  /** In a replay: at this place all ops on the key were stable. */
  forget(key: string): void {
    this.#entries.delete(key);
    // Where the log begins in the midst of it, what is known of it may not have met anything.
    if (this.#chains.seek(key)) this.#chains.remove();
  }

  /** All own ops so far are in the log. */
  ownOpsLogged(): void {
    this.#history.logged();
    if (this.#unlogged.length === 0) return;
    for (const op of this.#unlogged) op.detach();
    this.#unlogged = [];
  }

  /** Forgets ops that every member has: some now, the rest in `sweep`. */
  stabilise(frontier: VersionVector): void {
    this.#frontier = frontier.slice();
    this.#chains.stabilise(frontier);
    this.#sweepsAgain = this.#unswept !== undefined;
    this.#unswept ??= this.#entries.values();
    this.#sweepEntries();
  }

  /** Some of what is stable may still be there. */
  get isSweeping(): boolean {
    return this.#unswept !== undefined || this.#chains.isSweeping;
  }

  /** Goes on forgetting. */
  sweep(): void {
    this.#chains.sweep();
    if (this.#unswept !== undefined) this.#sweepEntries();
  }

  #sweepEntries(): void {
    for (let i = 0; i < SWEEP_ENTRIES; i++) {
      const { value: entry } = (this.#unswept as Iterator<KeyEntry>).next();
      if (entry === undefined) {
        this.#unswept = this.#sweepsAgain ? this.#entries.values() : undefined;
        this.#sweepsAgain = false;
        return;
      }
      if (!entry.isStable(this.#frontier)) entry.sweep(this.#frontier);
      else if (entry.table?.heldBack !== true && !this.#isBusy(entry.key)) {
        this.#entries.delete(entry.key);
        this.#needs.isOver(entry);
      }
    }
  }

  #mark(op: LiveOp): void {
    if (CELL_KINDS.has(op.kind)) this.#onOpaque(op);
  }

  /** Ops that were read from the log have buffers of their own already; others are in frames. */
  #keepOps(entry: KeyEntry): void {
    for (const op of entry.chain()) {
      if (op.origin === this.#self && !op.isDetached) this.#unlogged.push(op);
    }
  }

  /** Whether what follows from an op of this origin is to be asserted here. */
  readonly #isMine = (origin: Slot | undefined): boolean =>
    origin === this.#self || (origin !== undefined && this.#gone.has(origin));

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
    const visible = table.visibleClass();
    const teller = tellerOf(table, visible);
    if (this.#isMine(teller)) return { kind: 'whole' };
    if ((removes || isLost) && this.#changedExpiry(table, op)) return { kind: 'expiry' };
    // What was added may be stable by now, and what made the sums equal not.
    if (visible === undefined) return this.#sumsMet(table, op, effect);
    if (teller !== undefined || visible === 'opaque') return undefined;
    if (REMOVALS.has(op.kind) && !op.isReplaced) {
      // Where it was made the key may have vanished, and its expiry with it: what survived brings the
      // key back there, and the newest survivor's origin sees to the expiry.
      if (table.protectorsAgainst(op).length > 0) return undefined;
      return this.#isMine(table.newestOp(visible)?.origin) ? { kind: 'expiry' } : undefined;
    }
    return this.#sumsMet(table, op, effect);
  }

  /** Where `op` was made the key may have vanished before this member's change of its expiry came. */
  #changedExpiry(table: CellTable, op: LiveOp): boolean {
    return table.expiry.some(
      (e) => this.#isMine(e.op.origin) && e.op.kind === OpKind.expire && !observed(op, e.op),
    );
  }

  #sumsMet(table: CellTable, op: LiveOp, effect: Effect): Assertion | undefined {
    return op.origin === this.#self ? undefined : sumsMet(table, op, effect, this.#isMine);
  }
}
