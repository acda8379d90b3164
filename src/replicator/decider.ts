// Decides what the engine must do for a batch: each op against the live ops of its key, on copies, since the
// engine may refuse the batch.

import { isWrite, JSON_KINDS, LIST_KINDS, OpKind, STREAM_KINDS } from '../model/op.ts';
import { CommandWriter } from '../resp/command-writer.ts';
import type { Attempt, Measure } from './apply/applier.ts';
import type { Batch } from './apply/inbound.ts';
import type { CellTable } from './live/cells.ts';
import type { KeyEntry } from './live/key-entry.ts';
import type { LiveIndex } from './live/live-index.ts';
import type { LiveOp } from './live/live-op.ts';
import type { Measurement, StructuredClass } from './live/live-value.ts';
import { writeDueExpiry } from './resolve/expiry.ts';
import { writeJsonChanges } from './resolve/json-writer.ts';
import { writeListChanges } from './resolve/list-writer.ts';
import { markShown } from './resolve/rebuild.ts';
import { integrateVerbatim, resolve, writeVerbatim } from './resolve/resolve.ts';
import { writeSettled } from './resolve/settled.ts';
import { StreamPacking } from './resolve/stream-packing.ts';
import { writeAddAmongMissed, writeStreamChanges } from './resolve/stream-writer.ts';

/** Per key, what the engine shows before a batch. */
export type Measurements = Map<string, Measurement>;

export class Decider {
  readonly #index: LiveIndex;
  readonly #hasGap: () => boolean;
  readonly #out = new CommandWriter();
  readonly #packing = new StreamPacking();

  /** `hasGap`: writes of the engine were missed, and what follows is not mended. */
  constructor(index: LiveIndex, hasGap: () => boolean = () => false) {
    this.#index = index;
    this.#hasGap = hasGap;
  }

  /** What must be known of the engine before a batch can be decided. */
  toMeasure(batch: Batch): Measure[] {
    const measures = new Map<string, Measure>();
    const merging = new Set<string>();
    for (const op of batch.ops) {
      if (!isWrite(op.kind)) continue;
      const { key } = op;
      const known = measures.get(key);
      if (this.#isMerged(op)) merging.add(key);
      const isMerging = merging.has(key);
      const length = this.#index.needsLength(op, isMerging);
      const document = this.#index.needsDocument(op, isMerging);
      if (!length && !document) continue;
      measures.set(key, {
        key,
        length: length || known?.length === true,
        document: document || known?.document === true,
      });
    }
    return [...measures.values()];
  }

  /** Writes the commands of an attempt and notes in it what they were decided on: `lastLocal` is the
   * last own sequence that is known now; `measured` is filled. Undefined: something was not measured that must be. */
  decide(
    attempt: Attempt,
    measured: Measurements,
    lastLocal: number,
    nowMs: number,
  ): { commands: Buffer; count: number } | undefined {
    const out = this.#out;
    const forks = new Map<string, KeyEntry>();
    const owners: LiveOp[] = [];
    attempt.owners = owners;
    for (const op of attempt.batch.ops) {
      if (!this.#decideOp(op, attempt, measured, forks, nowMs)) {
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
    { batch, measured: answers }: Attempt,
    measured: Measurements,
    forks: Map<string, KeyEntry>,
    nowMs: number,
  ): boolean {
    let fork = forks.size > 0 ? forks.get(op.key) : undefined;
    const entry = fork === undefined ? this.#entryAgainst(op) : this.#index.get(op.key);
    if (op.kind === OpKind.superseded) return true;
    if (entry === undefined) {
      if (op.kind === OpKind.xadd && this.#hasGap()) writeAddAmongMissed(op, this.#out);
      else writeVerbatim(op, this.#out, nowMs);
      return true;
    }
    // Also where the first op of the batch needed nothing: when the engine was asked, less may have been known.
    const answer = answers.get(op.key);
    if (answer?.length === undefined && entry.needsLength(op, true)) return false;
    if (answer?.document === undefined && entry.needsDocument(op, true)) return false;
    if (fork === undefined) {
      fork = entry.fork(answer);
      forks.set(op.key, fork);
      for (const earlier of batch.ops) {
        if (earlier === op) break;
        if (earlier.key === op.key && isWrite(earlier.kind)) integrateVerbatim(earlier, fork);
      }
      const { table } = fork;
      if (table !== undefined) {
        markShown(table);
        const known = measurementOf(table, answer);
        if (known !== undefined) measured.set(op.key, known);
      }
    }
    // What the elements ask for is written together, but before anything else that happens to the key.
    if (!isGathered(op.kind)) this.#writeStructures(fork, nowMs);
    resolve(op, fork, this.#out, nowMs);
    return true;
  }

  /** The entry of the op's key, if the op is more than its own command there. */
  #entryAgainst(op: LiveOp): KeyEntry | undefined {
    if (!isWrite(op.kind) || !this.#isMerged(op)) return undefined;
    return this.#index.get(op.key);
  }

  /** Where the engine shows what the op's origin did not, it may refuse the op's own command. */
  #isMerged(op: LiveOp): boolean {
    return !this.#index.isObserved(op.key, op) || this.#index.showsOther(op);
  }

  #writeStructures({ key, table }: KeyEntry, nowMs: number): void {
    if (table === undefined) return;
    const { list, stream, json, heldBackRemovals } = table;
    const visible = table.visibleClass();
    const mayShow = (own: StructuredClass) => visible === undefined || visible === own;
    if (list !== undefined && mayShow('list')) {
      writeListChanges(key, list, heldBackRemovals, this.#out);
    }
    if (stream !== undefined && mayShow('stream')) {
      writeStreamChanges(key, stream, this.#packing, this.#out);
    }
    if (json !== undefined && mayShow('json')) {
      writeJsonChanges(key, json, heldBackRemovals, this.#out);
    }
    writeDueExpiry(key, table, this.#out, nowMs);
  }
}

/** What whoever replays the log must know of the key before the batch; undefined: nothing. */
function measurementOf(table: CellTable, answer: Measurement | undefined): Measurement | undefined {
  const { list, json, heldBackRemovals } = table;
  const shown = answer?.length ?? list?.shownLength(heldBackRemovals);
  // Of a list that nobody knows the end of, whoever replays the log does not either.
  const length = shown === Number.POSITIVE_INFINITY ? undefined : shown;
  let document = answer?.document;
  if (document === undefined && json !== undefined && !json.isRecorded) {
    document = json.text(heldBackRemovals) ?? null;
  }
  return length === undefined && document === undefined ? undefined : { length, document };
}

/** Kinds whose changes are gathered and written together. */
function isGathered(kind: OpKind): boolean {
  if (LIST_KINDS.has(kind) || JSON_KINDS.has(kind)) return true;
  return STREAM_KINDS.has(kind) && kind !== OpKind.xdone;
}
