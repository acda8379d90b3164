// The entries of a stream, in nodes as the engine keeps them: a trim with `~` removes whole nodes, and a deleted entry
// keeps its place in its node until the node has no other.

import type { ConsumerGroup } from './consumer-group.ts';
import { emptyNodeBytes, entryBytes } from './listpack-size.ts';
import {
  MAX_ID,
  MAX_SEQUENCE,
  MIN_ID,
  millisecondsOf,
  type StreamId,
  sequenceOf,
  streamId,
} from './stream-id.ts';

const NODE_BYTES_MAX = 4096;
export const NODE_ENTRIES_MAX = 100;

export interface StreamEntry {
  readonly id: StreamId;
  /** Names and values in turn. */
  readonly fields: readonly string[];
  deleted: boolean;
}

/** Never without entries; the first one, deleted or not, is the master of the others. */
export interface StreamNode {
  readonly key: StreamId;
  readonly entries: StreamEntry[];
  live: number;
  bytes: number;
}

export type Trim = {
  readonly strategy: 'MAXLEN' | 'MINID';
  readonly maxLength: number;
  readonly minId: StreamId;
  readonly approximate: boolean;
  /** The most entries that an approximate trim removes; 0: any number. */
  readonly limit: number;
};

export class Stream {
  length = 0;
  firstId: StreamId = MIN_ID;
  lastId: StreamId = MIN_ID;
  maxDeletedId: StreamId = MIN_ID;
  entriesAdded = 0n;
  readonly groups = new Map<string, ConsumerGroup>();
  /** By key, ascending. */
  readonly nodes: StreamNode[] = [];

  copy(): Stream {
    const copy = new Stream();
    copy.length = this.length;
    copy.firstId = this.firstId;
    copy.lastId = this.lastId;
    copy.maxDeletedId = this.maxDeletedId;
    copy.entriesAdded = this.entriesAdded;
    for (const node of this.nodes) {
      copy.nodes.push({ ...node, entries: node.entries.map((entry) => ({ ...entry })) });
    }
    for (const [name, group] of this.groups) copy.groups.set(name, group.copy());
    return copy;
  }

  /** The ID that an entry without one gets. */
  nextId(nowMs: number): StreamId {
    const now = BigInt(nowMs);
    return now > millisecondsOf(this.lastId) ? streamId(now, 0n) : this.lastId + 1n;
  }

  /** The ID that `ms-*` stands for; undefined when the milliseconds have none left. */
  nextIdAt(id: StreamId): StreamId | undefined {
    if (millisecondsOf(this.lastId) !== millisecondsOf(id)) return id;
    return sequenceOf(this.lastId) === MAX_SEQUENCE ? undefined : this.lastId + 1n;
  }

  /** Appends an entry whose ID is above the last one. */
  append(id: StreamId, fields: readonly string[]): void {
    const entry = { id, fields, deleted: false };
    let node = this.nodes.at(-1);
    if (node === undefined || isFull(node, fields)) {
      node = { key: id, entries: [], live: 0, bytes: 0 };
      const after = this.nodes.findIndex((other) => other.key > id);
      this.nodes.splice(after < 0 ? this.nodes.length : after, 0, node);
    }
    addToNode(node, entry);
    this.length++;
    this.entriesAdded++;
    this.lastId = id;
    if (this.length === 1) this.firstId = id;
  }

  /** The entries from `start` to `end`, both included. */
  *range(start: StreamId, end: StreamId, reversed = false): Iterable<StreamEntry> {
    for (const entry of this.#all(start, end, reversed)) {
      if (entry.deleted || (reversed ? entry.id > end : entry.id < start)) continue;
      if (reversed ? entry.id < start : entry.id > end) return;
      yield entry;
    }
  }

  /** Deleted ones too, from the node in which the range begins. */
  *#all(start: StreamId, end: StreamId, reversed: boolean): Iterable<StreamEntry> {
    if (!reversed) {
      const from = Math.max(0, this.#lastNodeUpTo(start));
      for (const node of this.nodes.slice(from)) yield* [...node.entries];
      return;
    }
    const found = this.#lastNodeUpTo(end);
    // The engine begins at the far end where no node fits.
    const to = found < 0 || end === MIN_ID ? this.nodes.length : found + 1;
    for (const node of this.nodes.slice(0, to).reverse()) yield* [...node.entries].reverse();
  }

  #lastNodeUpTo(id: StreamId): number {
    return this.nodes.findLastIndex((node) => node.key <= id);
  }

  has(id: StreamId): boolean {
    for (const _ of this.range(id, id)) return true;
    return false;
  }

  /** The ID of the last entry; MIN_ID of an empty stream. */
  get lastEntryId(): StreamId {
    for (const { id } of this.range(MIN_ID, MAX_ID, true)) return id;
    return MIN_ID;
  }

  /** The ID of the first entry in the first node, even if it is deleted; MAX_ID when there is none. */
  get firstKeptId(): StreamId {
    return this.nodes[0]?.entries[0]?.id ?? MAX_ID;
  }

  #firstEntryId(): StreamId {
    for (const { id } of this.range(MIN_ID, MAX_ID)) return id;
    return MAX_ID;
  }

  /** Deletes entries; returns how many there were. */
  delete(ids: readonly StreamId[]): number {
    let deleted = 0;
    let first = false;
    for (const id of ids) {
      if (!this.#deleteOne(id)) continue;
      deleted++;
      if (id === this.firstId) first = true;
      if (id > this.maxDeletedId) this.maxDeletedId = id;
    }
    if (deleted > 0) {
      if (this.length === 0) this.firstId = MIN_ID;
      else if (first) this.firstId = this.#firstEntryId();
    }
    return deleted;
  }

  #deleteOne(id: StreamId): boolean {
    for (const entry of this.range(id, id)) {
      const index = this.nodes.findIndex((node) => node.entries.includes(entry));
      const node = this.nodes[index] as StreamNode;
      entry.deleted = true;
      if (--node.live === 0) this.nodes.splice(index, 1);
      this.length--;
      return true;
    }
    return false;
  }

  /** Removes entries from the head; returns how many. */
  trim(trim: Trim): number {
    let deleted = 0;
    for (let node = this.nodes[0]; node !== undefined; node = this.nodes[0]) {
      if (trim.strategy === 'MAXLEN' && this.length <= trim.maxLength) break;
      if (trim.limit > 0 && deleted + node.live > trim.limit) break;
      if (this.#maySpare(node, trim)) {
        this.nodes.shift();
        this.length -= node.live;
        deleted += node.live;
        continue;
      }
      if (!trim.approximate) deleted += this.#trimWithin(node, trim);
      break;
    }
    if (this.length === 0) this.firstId = MIN_ID;
    else if (deleted > 0) this.firstId = this.#firstEntryId();
    return deleted;
  }

  #maySpare(node: StreamNode, { strategy, maxLength, minId }: Trim): boolean {
    if (strategy === 'MAXLEN') return this.length - node.live >= maxLength;
    return (node.entries.at(-1) as StreamEntry).id < minId;
  }

  /** Entries are only marked: a node that has no live ones any more stays. */
  #trimWithin(node: StreamNode, { strategy, maxLength, minId }: Trim): number {
    let deleted = 0;
    for (const entry of node.entries) {
      if (strategy === 'MAXLEN' ? this.length <= maxLength : entry.id >= minId) break;
      if (entry.deleted) continue;
      entry.deleted = true;
      node.live--;
      this.length--;
      deleted++;
    }
    return deleted;
  }

  /** Whether a deleted entry at or after `start` makes the entries that follow uncountable. */
  hasDeletedFrom(start: StreamId): boolean {
    if (this.length === 0 || this.maxDeletedId === MIN_ID) return false;
    return this.firstId <= this.maxDeletedId && start <= this.maxDeletedId;
  }

  /** How many entries were ever added up to `id`; undefined where that cannot be told. */
  entriesUpTo(id: StreamId): bigint | undefined {
    if (this.entriesAdded === 0n) return 0n;
    if (id === this.lastId || (this.length === 0 && id < this.lastId)) return this.entriesAdded;
    if (id > this.lastId) return undefined;
    if (this.maxDeletedId !== MIN_ID && this.maxDeletedId >= this.firstId) return undefined;
    const before = this.entriesAdded - BigInt(this.length);
    if (id < this.firstId) return before;
    return id === this.firstId ? before + 1n : undefined;
  }
}

export function addToNode(node: StreamNode, entry: StreamEntry): void {
  const { fields: masterFields } = node.entries[0] ?? entry;
  if (node.entries.length === 0) node.bytes = emptyNodeBytes(masterFields);
  node.bytes += entryBytes(node.key, masterFields, entry.id, entry.fields);
  node.entries.push(entry);
  if (!entry.deleted) node.live++;
}

function isFull(node: StreamNode, fields: readonly string[]): boolean {
  const added = fields.reduce((sum, text) => sum + text.length, 0);
  return node.bytes + added >= NODE_BYTES_MAX || node.entries.length >= NODE_ENTRIES_MAX;
}
