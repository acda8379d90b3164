// A stream as live ops tell about it: entries by ID (places.ts), consumer groups (stream-groups.ts), the last ID, and
// whether it is there at all. Only what is not stable is held; what came before is the engine's alone.
//
// An entry that was deleted keeps its ID until it is stable, so that nothing else moves. Ops speak of IDs as their
// origin knew them: which entry that was is worked out from what the op had observed.

import { observed, type Stamp } from '../../../model/op.ts';
import { isNewer } from '../cell.ts';
import { removesUnseen } from '../hyperloglogs/removals.ts';
import { LiveOp } from '../live-op.ts';
import type { LiveValue } from '../live-value.ts';
import { Places } from './places.ts';
import { StreamEdits } from './stream-edits.ts';
import { type EntrySource, StreamEntry } from './stream-entry.ts';
import { StreamGroups } from './stream-groups.ts';
import type { StreamId } from './stream-id.ts';
import { type StreamChange, streamChangeOf } from './stream-op.ts';

interface LastId {
  readonly op: LiveOp;
  readonly id: StreamId;
}

export class StreamValue implements LiveValue {
  #places = new Places();
  /** Entries that a removal of the key took: for those who had not observed that, they are still there. */
  #gone: StreamEntry[] = [];
  #groups = new StreamGroups();
  /** XSETID. */
  #lastIds: LastId[] = [];
  /** XGROUP CREATE with MKSTREAM: they make a stream, even without entries. */
  #makers: LiveOp[] = [];
  /** Removals of the key that are held back. */
  #heldBack: LiveOp[] = [];
  /** Kept only by a copy on which ops are tried. */
  #edits: StreamEdits | undefined;

  get isAlive(): boolean {
    if (this.#lastIds.length > 0 || this.#makers.length > 0 || this.#groups.isAlive) return true;
    if (this.#heldBack.length === 0) return this.#places.size > 0;
    for (const entry of this.#places.entries()) if (entry.isLeft) return true;
    return false;
  }

  get newest(): LiveOp | undefined {
    const ops = [...this.#makers, ...this.#lastIds.map(({ op }) => op)];
    for (const { contributions } of this.#places.entries()) {
      for (const { source, removals } of contributions) {
        if (removals.length === 0 && source instanceof LiveOp) ops.push(source);
      }
    }
    let newest = this.#groups.newest;
    for (const op of ops) if (newest === undefined || isNewer(op, newest)) newest = op;
    return newest;
  }

  get size(): number {
    let size = this.#lastIds.length + this.#makers.length + this.#groups.aliveCount;
    for (const entry of this.#places.entries()) {
      // One that was deleted still says that there is a stream.
      size += entry.isShown ? 2 : 1;
    }
    return size;
  }

  /** The ID that the engine must have generated last at least; exactly this one if it was assigned. */
  get lastId(): { readonly id: StreamId; readonly isAssigned: boolean } {
    let id = this.#places.top;
    for (const assigned of this.#lastIds) if (assigned.id > id) id = assigned.id;
    return { id, isAssigned: this.#lastIds.length > 0 };
  }

  get places(): Places {
    return this.#places;
  }

  get groups(): StreamGroups {
    return this.#groups;
  }

  /** Entries up to `id` that are there and that `reader` had not observed. */
  unseenUpTo(id: StreamId, reader: Stamp): StreamId[] {
    const unseen: StreamId[] = [];
    for (const entry of this.#places.entries()) {
      if (entry.place > id || !entry.isShown || entry.asSeenBy(reader) !== undefined) continue;
      unseen.push(entry.place);
    }
    return unseen.sort((a, b) => (a < b ? -1 : 1));
  }

  /** In the entry of its ID, or the group of its name. */
  hasUnobserved(op: LiveOp): boolean {
    const change = streamChangeOf(op);
    if (change.kind === 'add') {
      const there = this.#places.wanting(change.id);
      return there !== undefined && there.asSeenBy(op) === undefined;
    }
    if (change.kind !== 'createGroup' && change.kind !== 'destroyGroup') return false;
    const creates = change.kind === 'createGroup';
    return this.#groups.unobserved(change.group, op, creates) !== undefined;
  }

  // --- changes ------------------------------------------------------------------------------------

  integrate(op: LiveOp, isBeaten: boolean): void {
    const change = streamChangeOf(op);
    switch (change.kind) {
      case 'add':
        this.#places.add(StreamEntry.of(op, change.id));
        if (this.#edits !== undefined) this.#edits.mustExist = true;
        break;
      case 'remove':
        for (const id of change.ids) this.#remove(op, id);
        break;
      case 'trim':
        this.#trim(op, change);
        break;
      case 'setId':
        this.#lastIds = this.#lastIds.filter((earlier) => !observed(op, earlier.op));
        this.#lastIds.push({ op, id: change.id });
        if (this.#edits !== undefined) this.#edits.assignsLastId = true;
        break;
      case 'createGroup':
        this.#noteCreation(change.group);
        if (!isBeaten) this.#createGroup(op, change);
        break;
      case 'destroyGroup':
        this.#groups.destroy(op, change.group);
        this.#edits?.groups.set(change.group, true);
        break;
      case 'done':
        break;
    }
  }

  #remove(op: LiveOp, id: StreamId): void {
    const entry = this.#seenAt(id, op);
    if (entry !== undefined) this.#places.replace(entry.removedBy(op));
    // Else it is one from before the live ops, or the ID is that of one that `op` knew nothing of.
    else if (this.#places.get(id) === undefined) this.#edits?.removals.push(id);
  }

  #trim(op: LiveOp, { below, keep }: StreamChange & { kind: 'trim' }): void {
    if (below === 0n) return;
    this.#edits?.trims.push({ below, keep });
    // Mostly it knew an entry by an ID that cannot be higher than the one it has now.
    let view = keep.length > 0 || this.#isViewDifferent ? this.#viewOf(op) : undefined;
    const kept = new Set(keep);
    for (const entry of [...this.#places.entries()]) {
      if (entry.intended >= below || !entry.isShown) continue;
      const seen = entry.asSeenBy(op);
      if (seen === undefined) continue;
      if (entry.place >= below) view ??= this.#viewOf(op);
      const place = view?.holding(seen)?.place ?? entry.place;
      if (place < below && !kept.has(place)) this.#places.replace(entry.removedBy(op));
    }
  }

  #createGroup(op: LiveOp, change: StreamChange & { kind: 'createGroup' }): void {
    this.#groups.create(op, change.group, change.id);
    if (!change.makesStream) return;
    this.#makers = this.#makers.filter((earlier) => !observed(op, earlier));
    this.#makers.push(op);
    if (this.#edits !== undefined) this.#edits.mustExist = true;
  }

  /** What an earlier op of the batch destroyed is still to be destroyed, also where this creation does not count. */
  #noteCreation(group: string): void {
    const groups = this.#edits?.groups;
    groups?.set(group, groups.get(group) === true);
  }

  /** Somebody may know entries that are gone here, and others by higher IDs for that. */
  get #isViewDifferent(): boolean {
    return this.#gone.length > 0 || this.#heldBack.length > 0;
  }

  #seenAt(id: StreamId, reader: LiveOp): StreamEntry | undefined {
    if (!this.#isViewDifferent) return this.#places.seenAt(id, reader);
    const seen = this.#viewOf(reader).get(id);
    return seen === undefined ? undefined : this.#places.holding(seen);
  }

  #viewOf(reader: LiveOp): Places {
    return this.#places.seenBy(reader, [...this.#places.entries(), ...this.#gone]);
  }

  removeObserved(op: LiveOp, isHeldBack: boolean): void {
    const isRemoval = removesUnseen(op);
    this.#lastIds = this.#lastIds.filter((assigned) => !observed(op, assigned.op));
    // What creates a group, and the stream for it, gives way to a removal that it had not seen.
    this.#makers = isRemoval ? [] : this.#makers.filter((maker) => !observed(op, maker));
    for (const entry of [...this.#places.entries()]) {
      const covered = entry.coveredBy(op);
      if (covered !== entry) this.#places.replace(covered);
    }
    this.#gone = this.#gone.map((entry) => entry.coveredBy(op));
    if (isHeldBack) {
      this.#heldBack.push(op);
      return;
    }
    if (isRemoval) this.#groups.removeAll();
    else this.#groups.removeObserved(op);
    this.#dropCovered();
  }

  heldBackIsOver(): void {
    for (const removal of this.#heldBack) {
      if (removesUnseen(removal)) this.#groups.removeAllBefore(removal);
      else this.#groups.removeObserved(removal);
    }
    this.#heldBack = [];
    this.#dropCovered();
  }

  /** Who is left chooses its place anew. */
  #dropCovered(): void {
    const entries = [...this.#places.entries()];
    if (entries.every(({ contributions }) => contributions.every((c) => c.removals.length === 0))) {
      this.#places.lowerTop();
      return;
    }
    const kept: StreamEntry[] = [];
    for (const entry of entries) {
      const { left, gone } = entry.split();
      if (left !== undefined) kept.push(left);
      if (gone !== undefined) this.#gone.push(gone);
    }
    this.#places.refill(kept);
  }

  // --- what is stable -----------------------------------------------------------------------------

  prune(stable: (op: EntrySource) => boolean): number {
    this.#lastIds = this.#lastIds.filter(({ op }) => !stable(op));
    this.#makers = this.#makers.filter((op) => !stable(op));
    this.#groups.prune(stable);
    this.#gone = this.#gone.filter(
      ({ contributions }) => !contributions.every(({ removals }) => removals.some(stable)),
    );
    if (!this.#isViewDifferent) this.#forgetStable(stable);
    const { size } = this.#places;
    return (
      size + this.#gone.length + this.#lastIds.length + this.#makers.length + this.#groups.size
    );
  }

  /**
   * Nothing that is still to come wants an ID that was taken by a stable entry: whoever adds it has seen that. So of
   * each run of entries that stand next to one another the lower end, as far as it is stable, stays where it is for
   * good. It is forgotten, except where it stands in the way of one that is not stable.
   */
  #forgetStable(stable: (op: EntrySource) => boolean): void {
    const entries = [...this.#places.entries()].sort((a, b) => (a.place < b.place ? -1 : 1));
    for (let start = 0; start < entries.length; ) {
      let end = start + 1;
      while (entries[end]?.place === (entries[end - 1] as StreamEntry).place + 1n) end++;
      this.#forgetInRun(entries.slice(start, end), stable);
      start = end;
    }
  }

  #forgetInRun(run: StreamEntry[], stable: (op: EntrySource) => boolean): void {
    const isStable = (entry: StreamEntry): boolean =>
      entry.contributions.every(({ source }) => stable(source));
    const firstLive = run.findIndex((entry) => !isStable(entry));
    const settled = firstLive < 0 ? run : run.slice(0, firstLive);
    let wanted: StreamId | undefined;
    for (const { intended } of run.slice(settled.length)) {
      if (wanted === undefined || intended < wanted) wanted = intended;
    }
    for (const entry of settled) {
      if (wanted === undefined || entry.place < wanted) this.#places.remove(entry.place);
      else this.#places.replace(entry.fixed());
    }
  }

  // --- copies -------------------------------------------------------------------------------------

  clone(): StreamValue {
    const copy = new StreamValue();
    copy.#places = this.#places.fork();
    copy.#gone = [...this.#gone];
    copy.#groups = this.#groups.fork();
    copy.#lastIds = [...this.#lastIds];
    copy.#makers = [...this.#makers];
    copy.#heldBack = [...this.#heldBack];
    copy.#edits = new StreamEdits();
    return copy;
  }

  /** Of a copy: the engine shows what it should. */
  markShown(): void {
    this.#places = this.#places.fork();
    this.#edits = new StreamEdits();
  }

  /** Of a copy: what the engine must be told besides what the places say. */
  get edits(): StreamEdits | undefined {
    // What made the stream may have been removed since, with the key or for another type.
    if (this.#edits !== undefined && !this.isAlive) this.#edits.mustExist = false;
    return this.#edits;
  }
}
