// Which entry of a stream has which ID. Entries that want the same ID choose in the order of their replica ids;
// whoever finds it taken goes on to the next free one. The outcome depends on nothing but who is there (it is the
// ordered hash table of Amble and Knuth, 1974), and one more entry moves others only upwards.

import type { Stamp } from '../../../model/op.ts';
import type { StreamEntry } from './stream-entry.ts';
import { MAX_STREAM_ID, MIN_STREAM_ID, type StreamId } from './stream-id.ts';

export class Places {
  /** What these are changes of. */
  readonly #below: Places | undefined;
  readonly #own = new Map<StreamId, StreamEntry | undefined>();
  #size: number;
  #top: StreamId;
  #moves = 0;

  constructor(below?: Places) {
    this.#below = below;
    this.#size = below?.size ?? 0;
    this.#top = below?.top ?? MIN_STREAM_ID;
  }

  get size(): number {
    return this.#size;
  }

  /** The highest place that was ever taken, since these were last cleared. */
  get top(): StreamId {
    return this.#top;
  }

  /** How often an entry had to leave its place for another one. */
  get moves(): number {
    return this.#moves;
  }

  get(place: StreamId): StreamEntry | undefined {
    const entry = this.#own.get(place);
    if (entry !== undefined || this.#below === undefined || this.#own.has(place)) return entry;
    return this.#below.get(place);
  }

  /** What stood there before the changes. */
  before(place: StreamId): StreamEntry | undefined {
    return this.#below?.get(place);
  }

  /** Where something may have changed. */
  get changed(): Iterable<StreamId> {
    return this.#below === undefined ? [] : this.#own.keys();
  }

  /** All entries, in no order. */
  *entries(): Generator<StreamEntry> {
    for (const entry of this.#own.values()) if (entry !== undefined) yield entry;
    if (this.#below === undefined) return;
    for (const entry of this.#below.entries()) if (!this.#own.has(entry.place)) yield entry;
  }

  /** A copy to try changes on. This must stay as it is for as long as that is used. */
  fork(): Places {
    return new Places(this);
  }

  /** Finds the entry its place; others may have to move. */
  add(entry: StreamEntry): void {
    const twin = this.#twinOf(entry);
    if (twin !== undefined) this.#join(twin, entry);
    else this.#insert(entry);
  }

  /** Puts another form of an entry in its place. */
  replace(entry: StreamEntry): void {
    this.#set(entry.place, entry);
  }

  remove(place: StreamId): void {
    this.#set(place, undefined);
  }

  clear(): void {
    for (const { place } of [...this.entries()]) this.#set(place, undefined);
    this.#top = MIN_STREAM_ID;
    this.#moves++;
  }

  /** Forgets how high the places went that are not taken any more. */
  lowerTop(): void {
    this.#top = MIN_STREAM_ID;
    for (const { place } of this.entries()) if (place > this.#top) this.#top = place;
  }

  /** What `reader` saw at `place`. */
  seenAt(place: StreamId, reader: Stamp): StreamEntry | undefined {
    const entry = this.get(place);
    if (entry === undefined) return undefined;
    // It had no lower place for anybody, and nobody who had seen it saw another one there.
    if (entry.intended === place && entry.asSeenBy(reader) === entry) return entry;
    const seen = this.seenBy(reader, this.#neighbours(place)).get(place);
    return seen === undefined ? undefined : this.holding(seen);
  }

  /** The places that `reader` knew `entries` by. */
  seenBy(reader: Stamp, entries: Iterable<StreamEntry>): Places {
    const view = new Places();
    for (const entry of entries) {
      const seen = entry.asSeenBy(reader);
      if (seen !== undefined) view.add(seen);
    }
    return view;
  }

  /** The entry here that has a contribution of `seen`, which may have another place. */
  holding(seen: StreamEntry): StreamEntry | undefined {
    for (let place = seen.intended; ; place++) {
      const entry = this.get(place);
      if (entry === undefined || entry.shares(seen)) return entry;
    }
  }

  /** The unbroken run of entries around a place that is taken. */
  #neighbours(around: StreamId): StreamEntry[] {
    const entries: StreamEntry[] = [];
    for (let place = around - 1n; ; place--) {
      const entry = this.get(place);
      if (entry === undefined) break;
      entries.push(entry);
    }
    for (let place = around; ; place++) {
      const entry = this.get(place);
      if (entry === undefined) return entries;
      entries.push(entry);
    }
  }

  #twinOf(entry: StreamEntry): StreamEntry | undefined {
    for (let place = entry.intended; ; place++) {
      const other = this.get(place);
      if (other === undefined || other.isTwinOf(entry)) return other;
    }
  }

  #join(entry: StreamEntry, other: StreamEntry): void {
    const joined = entry.joinedBy(other);
    this.replace(joined);
    if (joined.place === joined.intended) return;
    // It may have come before others that it stood behind.
    const run = this.#neighbours(joined.place);
    for (const { place } of run) this.remove(place);
    for (const each of run) this.#insert(each);
  }

  #insert(entry: StreamEntry): void {
    let carried = entry;
    for (let place = entry.intended; place <= MAX_STREAM_ID; place++) {
      const there = this.get(place);
      if (there === undefined) {
        this.#set(place, carried.at(place));
        return;
      }
      if (!carried.precedes(there)) continue;
      this.#set(place, carried.at(place));
      carried = there;
      this.#moves++;
    }
    // No ID is left for it: nothing can be added behind the greatest.
  }

  #set(place: StreamId, entry: StreamEntry | undefined): void {
    if (this.get(place) !== undefined) this.#size--;
    if (entry !== undefined) {
      this.#size++;
      if (place > this.#top) this.#top = place;
    }
    if (entry === undefined && this.#below === undefined) this.#own.delete(place);
    else this.#own.set(place, entry);
  }
}
