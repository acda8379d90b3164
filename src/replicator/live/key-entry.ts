// One key's part of the live index. Two forms:
//
// - a chain, while every op on the key had observed the one before it: a list, nothing decoded. To know
//   whether a new op has observed them all, the last one is enough, because delivery is causal. The index
//   makes such an entry only when someone asks for the ops; it keeps chains as records (chains/).
// - a table of cells (cells.ts), from the moment concurrent ops have met on the key.

import {
  JSON_KINDS,
  LIST_KINDS,
  OpKind,
  observed,
  STREAM_KINDS,
  type Stamp,
} from '../../model/op.ts';
import type { VersionVector } from '../../model/version-vector.ts';
import { isNewer } from './cell.ts';
import { CellTable } from './cells.ts';
import { type Effect, effectOf } from './effect.ts';
import { removesUnseen } from './hyperloglogs/removals.ts';
import type { LiveOp } from './live-op.ts';
import type { Measurement } from './live-value.ts';
import { isNoted, RecentWrites } from './meetings/recent-writes.ts';

/** An entry is swept of stable ops when at least this many have come since the last time. */
const SWEEP_OPS = 64;

/** Of all entries without a table. */
const NO_HEADS: number[] = [];

/** What was known of a chain besides its ops. */
export interface KeptChain {
  readonly lastLocal: number;
  readonly holdsUnknown: boolean;
  readonly holdsList: boolean;
  readonly holdsStream: boolean;
  readonly holdsJson: boolean;
}

export class KeyEntry {
  readonly key: string;
  /** Sequence of the last op of this very replica on the key; 0 if none. */
  lastLocal = 0;
  /** What the key holds is known only where it was written, as far as the ops here tell. */
  holdsUnknown = false;
  // Most keys have one op at a time, and there may be millions of entries: no arrays for those.
  /** The last op of the chain; with a table the newest op. */
  #last: LiveOp | undefined;
  /** The ops of the chain before the last. */
  #earlier: LiveOp[] | undefined;
  /** Some op of the chain speaks of a list. */
  #holdsList = false;
  /** Some op of the chain writes to a stream. */
  #holdsStream = false;
  /** Some op of the chain speaks of a JSON document. */
  #holdsJson = false;
  #sinceSweep = 0;
  #sweepAt = SWEEP_OPS;
  #table: CellTable | undefined;
  /** With a table: per slot the highest sequence delivered on this key. */
  #heads: number[] = NO_HEADS;
  /** With a table: what leaves no trace in it. */
  #recent: RecentWrites | undefined;
  /** See needsFrom. */
  #firsts: number[] = NO_HEADS;
  /** The only kind of all its ops; undefined: there are several. */
  #onlyKind: OpKind | undefined;

  constructor(key: string) {
    this.key = key;
  }

  /** A chain as it was kept. */
  static ofChain(key: string, ops: readonly LiveOp[], kept: KeptChain): KeyEntry {
    const entry = new KeyEntry(key);
    entry.#last = ops.at(-1);
    if (ops.length > 1) entry.#earlier = ops.slice(0, -1);
    entry.lastLocal = kept.lastLocal;
    entry.holdsUnknown = kept.holdsUnknown;
    entry.#holdsList = kept.holdsList;
    entry.#holdsStream = kept.holdsStream;
    entry.#holdsJson = kept.holdsJson;
    return entry;
  }

  /** Ops of which something is kept. */
  get opCount(): number {
    return this.#table === undefined ? this.chain().length : Math.max(1, this.#table.size);
  }

  /** Every member has all of it. */
  isStable(frontier: VersionVector): boolean {
    if (this.#table !== undefined) {
      return this.#heads.every((head, slot) => head <= (frontier[slot] as number));
    }
    const last = this.#last;
    return last === undefined || last.seq <= (frontier[last.origin] as number);
  }

  /** Undefined while the ops on this key form a chain. */
  get table(): CellTable | undefined {
    return this.#table;
  }

  /**
   * Per slot the first sequence, if there is one, from which on the log must be replayed for the ops on this key to be
   * placed as they were: what an op did depends on those that it had not observed, also where they are stable by now.
   */
  get needsFrom(): readonly number[] {
    return this.#onlyKind !== undefined && ADDS_UP.has(this.#onlyKind) ? NO_HEADS : this.#firsts;
  }

  /** Takes note of an op that is not stable, for needsFrom. */
  noteNeeded({ origin, seq, kind }: LiveOp): void {
    if (this.#firsts === NO_HEADS) {
      this.#firsts = [];
      this.#onlyKind = kind;
    } else if (this.#onlyKind !== kind) this.#onlyKind = undefined;
    this.#firsts[origin] ??= seq;
  }

  /** Writes that leave no trace in the table; undefined: there was none. */
  get recent(): RecentWrites | undefined {
    return this.#recent;
  }

  /** The newest of the ops that were delivered on this key; undefined: none is known any more. */
  get newest(): LiveOp | undefined {
    return this.#last;
  }

  /** Whether an op stamped so has observed every op delivered on this key. */
  isObservedBy(stamp: Stamp): boolean {
    if (this.#table === undefined) {
      const last = this.#last;
      return last === undefined || observed(stamp, last);
    }
    const heads = this.#heads;
    for (let slot = 0; slot < heads.length; slot++) {
      const head = heads[slot];
      if (head === undefined || slot === stamp.origin) continue;
      if (head > (stamp.deps[slot] as number)) return false;
    }
    return true;
  }

  /** Takes in an op that has observed all others, while the entry is a chain. */
  append(op: LiveOp): void {
    const last = this.#last;
    this.#last = op;
    if (isListOp(op)) this.#holdsList = true;
    else if (STREAM_KINDS.has(op.kind)) this.#holdsStream = true;
    else if (JSON_KINDS.has(op.kind)) this.#holdsJson = true;
    if (op.isUnknown) this.holdsUnknown = true;
    else if (this.holdsUnknown) this.holdsUnknown = !ASSIGNS_ALL.has(op.kind);
    if (last !== undefined) {
      // Places in a list or a document count what is gone as well, for those who had not observed that. Nor did they
      // know the entries of a stream by other IDs.
      const isNeeded = this.#holdsList || this.#holdsStream || this.#holdsJson;
      if (replacesAll(op) && !isNeeded) {
        this.#earlier = removesUnseen(op) ? undefined : this.#lastRemoval(last);
      } else if (this.#earlier === undefined) this.#earlier = [last];
      else this.#earlier.push(last);
    }
    this.#sinceSweep++;
  }

  /** Whether an op can only be placed once it is known how many elements of a list the engine shows. `isMerging`: it
   * comes behind one that is merged, and so is merged too. */
  needsLength(op: LiveOp, isMerging = false): boolean {
    if (!isMerging && this.isObservedBy(op)) return false;
    const list = this.#table?.list;
    if (list !== undefined) return list.isOpen;
    if (isListOp(op)) return this.#table?.isComplete !== true;
    return this.#table === undefined && this.#holdsList;
  }

  /** Whether an op can only be taken in once it is known what document the engine shows; likewise. */
  needsDocument(op: LiveOp, isMerging = false): boolean {
    if (op.kind === OpKind.expire || (!isMerging && this.isObservedBy(op))) return false;
    const json = this.#table?.json;
    if (json !== undefined) return json.isOpen;
    if (JSON_KINDS.has(op.kind)) return this.#table?.isComplete !== true;
    return this.#table === undefined && this.#holdsJson;
  }

  /** Turns the chain into a table. `measured`: what the engine shows, as far as it was asked. */
  expand(measured?: Measurement): CellTable {
    const table = this.#expandChain();
    if (measured !== undefined) table.noteMeasured(measured);
    return table;
  }

  #expandChain(): CellTable {
    if (this.#table !== undefined) return this.#table;
    const table = new CellTable();
    for (const op of this.chain()) {
      const effect = effectOf(op);
      table.integrate(op, effect);
      this.noteRecent(op, effect);
      this.#raiseHead(op);
    }
    this.#earlier = undefined;
    this.#table = table;
    return table;
  }

  /** The caller has integrated `op` into the table. */
  noteHead(op: LiveOp): void {
    this.#raiseHead(op);
    if (this.#last === undefined || isNewer(op, this.#last)) this.#last = op;
    this.#sinceSweep++;
    this.holdsUnknown = this.#table?.holdsUnknown ?? false;
  }

  #raiseHead({ origin, seq, deps }: LiveOp): void {
    if (this.#heads === NO_HEADS) this.#heads = new Array<number>(deps.length).fill(0);
    this.#heads[origin] = seq;
  }

  /** The caller has integrated `op` into the table. */
  noteRecent(op: LiveOp, effect: Effect): void {
    if (!isNoted(effect)) return;
    this.#recent ??= new RecentWrites();
    this.#recent.add(op, effect);
  }

  /** A copy with a table, to try ops on. */
  fork(measured?: Measurement): KeyEntry {
    const copy = new KeyEntry(this.key);
    copy.holdsUnknown = this.holdsUnknown;
    if (this.#table === undefined) {
      copy.#last = this.#last;
      copy.#holdsList = this.#holdsList;
      copy.#holdsStream = this.#holdsStream;
      copy.#holdsJson = this.#holdsJson;
      copy.#earlier = this.#earlier;
    } else {
      copy.#table = this.#table.clone();
      copy.#heads = [...this.#heads];
    }
    const table = copy.expand(measured);
    table.isTrial = true;
    table.stream?.markShown();
    return copy;
  }

  /** Drops stable ops now and then, so that a hot key costs what is unstable, not what was written. */
  sweep(frontier: VersionVector): void {
    if (this.#sinceSweep < this.#sweepAt) return;
    this.#sinceSweep = 0;
    let kept: number;
    if (this.#table !== undefined) {
      kept = this.#table.prune(frontier);
      this.#recent?.prune(frontier);
    } else {
      const chain = this.chain().filter((op) => op.seq > (frontier[op.origin] as number));
      kept = chain.length;
      this.#holdsList = chain.some(isListOp);
      this.#holdsStream = chain.some(({ kind }) => STREAM_KINDS.has(kind));
      this.#holdsJson = chain.some((op) => JSON_KINDS.has(op.kind));
      this.#last = chain.pop();
      this.#earlier = chain.length > 0 ? chain : undefined;
    }
    this.#sweepAt = Math.max(SWEEP_OPS, kept);
  }

  /** The last DEL so far: even where a later op replaced the value, it may beat what comes from elsewhere. */
  #lastRemoval(last: LiveOp): LiveOp[] | undefined {
    const removal = removesUnseen(last) ? last : this.#earlier?.findLast(removesUnseen);
    return removal === undefined ? undefined : [removal];
  }

  /** The ops of the chain; with a table the newest op. */
  chain(): LiveOp[] {
    return this.#last === undefined ? [] : [...(this.#earlier ?? []), this.#last];
  }
}

/** Kinds whose ops do the same whatever else was written with them, as long as it is of the same kind. */
const ADDS_UP: ReadonlySet<OpKind> = new Set([
  OpKind.incr,
  OpKind.hincr,
  OpKind.sadd,
  OpKind.pfadd,
]);

/** Kinds after which the whole value is known. */
export const ASSIGNS_ALL: ReadonlySet<OpKind> = new Set([OpKind.del, OpKind.set, OpKind.restore]);

/** Whether an op speaks of a list. */
export function isListOp(op: LiveOp): boolean {
  return op.removesList || LIST_KINDS.has(op.kind);
}

/** Ops after which nothing that came before can show again. */
export function replacesAll(op: LiveOp): boolean {
  return op.kind === OpKind.del || assignsWhole(op);
}

/** A SET without KEEPTTL. */
export function assignsWhole(op: LiveOp): boolean {
  return op.kind === OpKind.set && op.isPlainSet;
}
