// One entry of a stream as live ops tell about it: who added it, under which ID, and where it stands now. An
// entry never changes: what becomes of it is a new one, so that a stream can be tried on without being copied.

import { OpFlag, observed, type Stamp } from '../../../model/op.ts';
import { LiveOp } from '../live-op.ts';
import type { StreamId } from './stream-id.ts';

/** Which op added an entry; of one that the log no longer has, its dot. */
export type EntrySource = Pick<Stamp, 'origin' | 'seq'>;

/** What one op contributes to an entry. Several do only where members have shipped the same whole value. */
export interface EntryContribution {
  readonly source: EntrySource;
  /** Removed by its ID, or trimmed. */
  readonly isRemoved: boolean;
  /** Removals of the whole key that had observed it. */
  readonly removals: readonly LiveOp[];
}

export class StreamEntry {
  /** The ID that its origin gave it. */
  readonly intended: StreamId;
  /** The ID that it has. */
  readonly place: StreamId;
  readonly contributions: readonly EntryContribution[];
  /** The contribution by which it competes for a place. */
  readonly #first: EntrySource;

  constructor(intended: StreamId, place: StreamId, contributions: readonly EntryContribution[]) {
    this.intended = intended;
    this.place = place;
    this.contributions = contributions;
    let first = contributions[0]?.source as EntrySource;
    for (const { source } of contributions) if (isBefore(source, first)) first = source;
    this.#first = first;
  }

  static of(source: EntrySource, intended: StreamId): StreamEntry {
    return new StreamEntry(intended, intended, [{ source, isRemoved: false, removals: [] }]);
  }

  /** It is there for clients; while a removal of the key is held back, also if that took it. */
  get isShown(): boolean {
    return this.contributions.some((c) => !c.isRemoved);
  }

  /** Some contribution is not taken by a removal of the key. */
  get isLeft(): boolean {
    return this.contributions.some((c) => c.removals.length === 0);
  }

  /** The op that has its fields; undefined when only the engine has them. */
  get op(): LiveOp | undefined {
    for (const { source } of this.contributions) if (source instanceof LiveOp) return source;
    return undefined;
  }

  /** It keeps an ID that both want. */
  precedes(other: StreamEntry): boolean {
    return isBefore(this.#first, other.#first);
  }

  isOf(source: EntrySource): boolean {
    return this.contributions.some(
      (c) => c.source.origin === source.origin && c.source.seq === source.seq,
    );
  }

  /** Both are forms of one entry. */
  shares(other: StreamEntry): boolean {
    return other.contributions.some((c) => this.isOf(c.source));
  }

  /** It came with a whole value. */
  get isOfWhole(): boolean {
    return ((this.op?.flags ?? 0) & OpFlag.ofWhole) !== 0;
  }

  /** Both are the same entry of a value that two members have shipped whole. */
  isTwinOf(other: StreamEntry): boolean {
    const [own, others] = [this.op, other.op];
    if (this.intended !== other.intended || own === undefined || others === undefined) return false;
    if ((own.flags & others.flags & OpFlag.ofWhole) === 0) return false;
    const bytes = own.buffer.subarray(own.rawAt, own.rawEnd);
    return bytes.equals(others.buffer.subarray(others.rawAt, others.rawEnd));
  }

  /** What `reader` saw of it; undefined: nothing. */
  asSeenBy(reader: Stamp): StreamEntry | undefined {
    const seen = this.contributions.filter((c) => isSeenBy(reader, c));
    if (seen.length === this.contributions.length) return this;
    return seen.length === 0 ? undefined : new StreamEntry(this.intended, this.place, seen);
  }

  at(place: StreamId): StreamEntry {
    return place === this.place ? this : new StreamEntry(this.intended, place, this.contributions);
  }

  /** Nobody can take its place any more, nor move it. */
  fixed(): StreamEntry {
    return new StreamEntry(this.place, this.place, this.contributions);
  }

  joinedBy(other: StreamEntry): StreamEntry {
    const contributions = [...this.contributions, ...other.contributions];
    return new StreamEntry(this.intended, this.place, contributions);
  }

  /** `op` removed it by its ID, as far as it had seen it. */
  removedBy(op: LiveOp): StreamEntry {
    return this.#changed((c) => (isSeenBy(op, c) ? { ...c, isRemoved: true } : c));
  }

  /** `op` removed the key. */
  coveredBy(op: LiveOp): StreamEntry {
    if (!this.contributions.some((c) => isTakenAnew(op, c))) return this;
    return this.#changed((c) => (isTakenAnew(op, c) ? { ...c, removals: [...c.removals, op] } : c));
  }

  /** Without or with only the contributions that a removal of the key took. */
  split(): { left: StreamEntry | undefined; gone: StreamEntry | undefined } {
    const gone = this.contributions.filter((c) => c.removals.length > 0);
    if (gone.length === 0) return { left: this, gone: undefined };
    if (gone.length === this.contributions.length) return { left: undefined, gone: this };
    const left = this.contributions.filter((c) => c.removals.length === 0);
    return {
      left: new StreamEntry(this.intended, this.intended, left),
      gone: new StreamEntry(this.intended, this.intended, gone),
    };
  }

  #changed(change: (c: EntryContribution) => EntryContribution): StreamEntry {
    return new StreamEntry(this.intended, this.place, this.contributions.map(change));
  }
}

function isSeenBy(reader: Stamp, { source, removals }: EntryContribution): boolean {
  if (!observed(reader, source)) return false;
  return !removals.some((removal) => observed(reader, removal));
}

/** Whoever had observed a later removal of an origin had observed its first one. */
function isTakenAnew(op: LiveOp, { source, removals }: EntryContribution): boolean {
  return observed(op, source) && !removals.some((removal) => removal.origin === op.origin);
}

/** The order in which entries choose their IDs. */
function isBefore(a: EntrySource, b: EntrySource): boolean {
  return a.origin !== b.origin ? a.origin < b.origin : a.seq < b.seq;
}
