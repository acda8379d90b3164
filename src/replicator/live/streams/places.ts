// Which entry of a stream has which ID. Entries that want the same ID choose in the order of their replica ids;
// whoever finds it taken goes on to the next free one. The outcome depends on nothing but who is there (it is the
// ordered hash table of Amble and Knuth, 1974), and one more entry moves others only upwards.
//
// Entries that find their ID taken wait until somebody asks: then all of them find their places at once. One after
// the other, each would move everything behind it.

import type { Stamp } from '../../../model/op.ts';
import { StreamEntry } from './stream-entry.ts';
import { MAX_STREAM_ID, MIN_STREAM_ID, type StreamId, streamIdKey } from './stream-id.ts';

/** Nobody is there any more. */
interface Vacancy {
  readonly place: StreamId;
}

export class Places {
  /** What these are changes of. */
  readonly #below: Places | undefined;
  readonly #own = new Map<bigint, StreamEntry | Vacancy>();
  /** Entries without a place. */
  #waiting: StreamEntry[] = [];
  #size: number;
  #top: StreamId;
  /** Where those went that have left their places. */
  #moves: Set<StreamId> | undefined;

  constructor(below?: Places) {
    this.#below = below;
    this.#size = below?.size ?? 0;
    this.#top = below?.top ?? MIN_STREAM_ID;
  }

  get size(): number {
    return this.#size + this.#waiting.length;
  }

  /** The highest place that was ever taken, since these were last cleared. */
  get top(): StreamId {
    this.#settle();
    return this.#top;
  }

  get(place: StreamId): StreamEntry | undefined {
    this.#settle();
    return this.#at(place);
  }

  /** An entry that has or wants this ID. */
  wanting(id: StreamId): StreamEntry | undefined {
    return this.#at(id) ?? this.#waiting.find(({ intended }) => intended === id);
  }

  /** What stood there before the changes. */
  before(place: StreamId): StreamEntry | undefined {
    return this.#below?.get(place);
  }

  /** The highest place that was taken before the changes. */
  get topBefore(): StreamId {
    return this.#below?.top ?? MIN_STREAM_ID;
  }

  /** Where something may have changed. */
  get changed(): StreamId[] {
    this.#settle();
    return this.#below === undefined ? [] : Array.from(this.#own.values(), ({ place }) => place);
  }

  /** All entries, in no order. */
  *entries(): Generator<StreamEntry> {
    this.#settle();
    for (const entry of this.#own.values()) if (entry instanceof StreamEntry) yield entry;
    if (this.#below === undefined) return;
    for (const entry of this.#below.entries()) {
      if (!this.#own.has(streamIdKey(entry.place))) yield entry;
    }
  }

  /** A copy to try changes on. This must stay as it is for as long as that is used. */
  fork(): Places {
    this.#settle();
    return new Places(this);
  }

  /** From here on adds to `moves` each place to which an entry goes that stood elsewhere; undefined: no more. */
  recordMoves(moves: Set<StreamId> | undefined): void {
    this.#settle();
    this.#moves = moves;
  }

  /** Finds the entry its place; others may have to move. */
  add(entry: StreamEntry): void {
    const { intended } = entry;
    if (this.#at(intended) === undefined) this.#set(intended, entry.at(intended));
    else this.#waiting.push(entry);
  }

  /** Puts another form of an entry in its place. */
  replace(entry: StreamEntry): void {
    this.#set(entry.place, entry);
  }

  remove(place: StreamId): void {
    this.#set(place, undefined);
  }

  /** All of them choose their places anew, with these in the place of those that were there. */
  refill(entries: readonly StreamEntry[]): void {
    const before = new Map<bigint, StreamEntry>();
    for (const entry of [...this.entries()]) {
      before.set(streamIdKey(entry.place), entry);
      this.#set(entry.place, undefined);
    }
    this.#top = MIN_STREAM_ID;
    for (const entry of entries) this.add(entry);
    if (this.#moves === undefined) return;
    for (const entry of this.entries()) {
      if (before.get(streamIdKey(entry.place))?.shares(entry) !== true) {
        this.#moves.add(entry.place);
      }
    }
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
      const entry = this.#at(place);
      if (entry === undefined) break;
      entries.push(entry);
    }
    return [...entries, ...this.#runFrom(around)];
  }

  /** The unbroken run of entries from a place on. */
  #runFrom(start: StreamId): StreamEntry[] {
    const entries: StreamEntry[] = [];
    for (let place = start; ; place++) {
      const entry = this.#at(place);
      if (entry === undefined) return entries;
      entries.push(entry);
    }
  }

  // --- those that wait ------------------------------------------------------------------------------

  #settle(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting.sort((a, b) => (a.intended < b.intended ? -1 : 1));
    this.#waiting = [];
    const arrived = this.#moves === undefined ? undefined : new Set(waiting);
    for (let first = 0; first < waiting.length; ) first = this.#settleFrom(waiting, first, arrived);
  }

  /** Finds places for the first one, and for all that meet the same entries. Returns the next one. `arrived`: those
   * that stood nowhere, where somebody wants to know of the others. */
  #settleFrom(
    waiting: readonly StreamEntry[],
    first: number,
    arrived: ReadonlySet<StreamEntry> | undefined,
  ): number {
    const start = (waiting[first] as StreamEntry).intended;
    const entries = this.#runFrom(start);
    let next = first;
    let end = start + BigInt(entries.length);
    let placed: readonly StreamId[] = [];
    for (let isDone = false; !isDone; ) {
      for (; isUpTo(waiting[next], end); next++) join(entries, waiting[next] as StreamEntry);
      placed = placesOf(entries, start);
      // They may have come upon others.
      let last = end;
      for (const place of placed) if (place > last) last = place;
      for (let place = end; place <= last; place++) {
        const there = this.#at(place);
        if (there !== undefined && !entries.includes(there)) entries.push(there);
      }
      isDone = placed.length === entries.length && !isUpTo(waiting[next], last);
      end = last;
    }
    entries.forEach((entry, i) => {
      const place = placed[i] as StreamId;
      // No ID is left for it: nothing can be added behind the greatest.
      if (place > MAX_STREAM_ID) return;
      if (this.#at(place) === entry) return;
      if (arrived?.has(entry) === false) this.#moves?.add(place);
      this.#set(place, entry.at(place));
    });
    return next;
  }

  #at(place: StreamId): StreamEntry | undefined {
    return this.#under(streamIdKey(place));
  }

  #under(key: bigint): StreamEntry | undefined {
    const entry = this.#own.get(key);
    if (entry === undefined && this.#below !== undefined) return this.#below.#under(key);
    return entry instanceof StreamEntry ? entry : undefined;
  }

  #set(place: StreamId, entry: StreamEntry | undefined): void {
    const key = streamIdKey(place);
    if (this.#under(key) !== undefined) this.#size--;
    if (entry !== undefined) {
      this.#size++;
      if (place > this.#top) this.#top = place;
      this.#own.set(key, entry);
    } else if (this.#below === undefined) {
      this.#own.delete(key);
    } else {
      this.#own.set(key, { place });
    }
  }
}

function isUpTo(entry: StreamEntry | undefined, end: StreamId): boolean {
  return entry !== undefined && entry.intended <= end;
}

/** Adds an entry to others, or to the one that it is the same as. */
function join(entries: StreamEntry[], entry: StreamEntry): void {
  const twin = entry.isOfWhole ? entries.findIndex((other) => other.isTwinOf(entry)) : -1;
  if (twin < 0) entries.push(entry);
  else entries[twin] = (entries[twin] as StreamEntry).joinedBy(entry);
}

/** Where entries stand, in their order, that all want a place from `start` on or in front of it. */
function placesOf(entries: readonly StreamEntry[], start: StreamId): StreamId[] {
  const order = entries.map((_, i) => i);
  order.sort((a, b) => ((entries[a] as StreamEntry).precedes(entries[b] as StreamEntry) ? -1 : 1));
  const places: StreamId[] = [];
  /** Per place that is taken one behind it that may be free. */
  const behind: number[] = [];
  for (const i of order) {
    const { intended } = entries[i] as StreamEntry;
    const wanted = intended < start ? 0 : Number(intended - start);
    let free = wanted;
    for (let next = behind[free]; next !== undefined; next = behind[free]) free = next;
    for (let at = wanted; at !== free; ) {
      const next = behind[at] as number;
      behind[at] = free + 1;
      at = next;
    }
    behind[free] = free + 1;
    places[i] = start + BigInt(free);
  }
  return places;
}
