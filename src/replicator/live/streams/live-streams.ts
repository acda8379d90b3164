// What the live index knows of streams, for those who read the replication stream.

import type { KeyEntry } from '../key-entry.ts';
import type { LiveOp } from '../live-op.ts';
import type { StreamId } from './stream-id.ts';

export class LiveStreams {
  readonly #entryOf: (key: string) => KeyEntry | undefined;

  constructor(entryOf: (key: string) => KeyEntry | undefined) {
    this.#entryOf = entryOf;
  }

  /** Where the entry of an XADD stands; undefined when that is not known here. */
  placeOf(op: LiveOp): StreamId | undefined {
    return this.#entryOf(op.key)?.table?.stream?.placeOf(op);
  }

  /** Grows whenever entries of the stream change their places. */
  movesIn(key: string): number {
    return this.#entryOf(key)?.table?.stream?.places.moves ?? 0;
  }

  /** An entry that is not stable, even if it was deleted, has a higher ID. */
  hasEntryBehind(key: string, id: StreamId): boolean {
    const stream = this.#entryOf(key)?.expand().stream;
    return stream !== undefined && stream.places.size > 0 && stream.places.top > id;
  }
}
