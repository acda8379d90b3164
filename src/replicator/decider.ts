// Decides what the engine must do for a batch: each op against the live ops of its key, on copies, since the
// engine may refuse the batch.

import { LIST_KINDS, OpKind, STREAM_KINDS } from '../model/op.ts';
import { CommandWriter } from '../resp/command-writer.ts';
import type { Attempt } from './apply/applier.ts';
import type { Batch } from './apply/inbound.ts';
import type { KeyEntry } from './live/key-entry.ts';
import type { LiveIndex } from './live/live-index.ts';
import type { LiveOp } from './live/live-op.ts';
import { writeDueExpiry } from './resolve/expiry.ts';
import { writeListChanges } from './resolve/list-writer.ts';
import { markShown, resolve, writeSettled, writeVerbatim } from './resolve/resolve.ts';
import { StreamPacking } from './resolve/stream-packing.ts';
import { writeStreamChanges } from './resolve/stream-writer.ts';

/** Per key, how many elements of a list the engine shows before a batch. */
export type ListLengths = Map<string, number>;

const NONE: ReadonlySet<LiveOp> = new Set();

export class Decider {
  readonly #index: LiveIndex;
  readonly #out = new CommandWriter();
  readonly #packing = new StreamPacking();

  constructor(index: LiveIndex) {
    this.#index = index;
  }

  /** Keys of a batch whose lists must be measured before it can be decided. */
  listsToMeasure(batch: Batch): string[] {
    const keys = new Set<string>();
    for (const op of batch.ops) {
      if (op.kind === OpKind.publish) continue;
      const isList = LIST_KINDS.has(op.kind);
      const entry = this.#index.get(op.key);
      // A list without live ops may get some from the batch that is under way.
      if (entry === undefined ? isList : entry.needsLength(op)) keys.add(op.key);
    }
    return [...keys];
  }

  /** Writes the commands of an attempt and notes in it what they were decided on: `lastLocal` is the
   * last own sequence that is known now; `lengths` is filled. Undefined: a list was not measured that must be. */
  decide(
    attempt: Attempt,
    lengths: ListLengths,
    lastLocal: number,
    nowMs: number,
  ): { commands: Buffer; count: number } | undefined {
    const out = this.#out;
    const forks = new Map<string, KeyEntry>();
    const owners: LiveOp[] = [];
    attempt.owners = owners;
    for (const op of attempt.batch.ops) {
      if (!this.#decideOp(op, attempt.measured, lengths, forks, nowMs)) {
        out.take();
        return undefined;
      }
      while (owners.length < out.count) owners.push(op);
    }
    for (const fork of forks.values()) this.#writeStructures(fork, nowMs);
    const last = attempt.batch.ops.at(-1);
    while (last !== undefined && owners.length < out.count) owners.push(last);
    for (const [key, what] of attempt.batch.settle) {
      const entry = this.#index.get(key);
      if (entry !== undefined) writeSettled(entry, what, out, nowMs);
    }
    attempt.decidedAt = lastLocal;
    const { count } = out;
    const commands = out.take();
    attempt.commands = commands;
    return { commands, count };
  }

  #decideOp(
    op: LiveOp,
    measured: ReadonlyMap<string, number>,
    lengths: ListLengths,
    forks: Map<string, KeyEntry>,
    nowMs: number,
  ): boolean {
    let fork = forks.size > 0 ? forks.get(op.key) : undefined;
    if (fork === undefined) {
      const entry = op.kind === OpKind.publish ? undefined : this.#index.get(op.key);
      if (entry === undefined || (entry.isObservedBy(op) && !isHeldBack(entry))) {
        writeVerbatim(op, this.#out, nowMs);
        return true;
      }
      const length = measured.get(op.key);
      if (length === undefined && entry.needsLength(op)) return false;
      fork = entry.fork(length);
      forks.set(op.key, fork);
      const { table } = fork;
      if (table !== undefined) markShown(table);
      const list = table?.list;
      if (list !== undefined || length !== undefined) {
        lengths.set(op.key, length ?? list?.shownLength(table?.heldBackRemovals ?? NONE) ?? 0);
      }
    }
    // What the elements ask for is written together, but before anything else that happens to the key.
    if (!isGathered(op.kind)) this.#writeStructures(fork, nowMs);
    resolve(op, fork, this.#out, nowMs);
    return true;
  }

  #writeStructures({ key, table }: KeyEntry, nowMs: number): void {
    if (table === undefined) return;
    const visible = table.visibleClass();
    if (table.list !== undefined && (visible === undefined || visible === 'list')) {
      writeListChanges(key, table.list, table.heldBackRemovals, this.#out);
    }
    if (table.stream !== undefined && (visible === undefined || visible === 'stream')) {
      writeStreamChanges(key, table.stream, this.#packing, this.#out);
    }
    writeDueExpiry(key, table, this.#out, nowMs);
  }
}

/** What the engine still shows is not what the op's origin saw: a stream may not take the entry, for one. */
function isHeldBack({ table }: KeyEntry): boolean {
  return table?.heldBack === true;
}

/** Kinds whose changes are gathered and written together. */
function isGathered(kind: OpKind): boolean {
  return LIST_KINDS.has(kind) || (STREAM_KINDS.has(kind) && kind !== OpKind.xdone);
}
