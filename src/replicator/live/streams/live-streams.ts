// What the live index knows of streams, for those who read the replication stream.

import type { Stamp } from '../../../model/op.ts';
import type { KeyEntry } from '../key-entry.ts';
import type { LiveOp } from '../live-op.ts';
import type { StreamId } from './stream-id.ts';

/** The live index, as far as it is asked here. */
export interface EntriesOfStreams {
  /** With its ops. */
  get(key: string): KeyEntry | undefined;
  /** Where concurrent ops have met. */
  merged(key: string): KeyEntry | undefined;
  isObserved(key: string, stamp: Stamp): boolean;
}

export class LiveStreams {
  readonly #index: EntriesOfStreams;

  constructor(index: EntriesOfStreams) {
    this.#index = index;
  }

  /** The op that added the entry at this ID; undefined when none is known any more. */
  opAt(key: string, id: StreamId): LiveOp | undefined {
    return this.#index.merged(key)?.table?.stream?.places.get(id)?.op;
  }

  /** Adds to `moves` where entries go that leave their places because of `op`, which is not taken in yet, or later. */
  recordMoves(op: LiveOp, moves: Set<StreamId>): void {
    if (this.#index.isObserved(op.key, op)) return;
    this.#index.get(op.key)?.expand().stream?.places.recordMoves(moves);
  }

  /** Ends that. */
  endRecord(key: string): void {
    this.#index.merged(key)?.table?.stream?.places.recordMoves(undefined);
  }

  /** An entry that is not stable, even if it was deleted, has a higher ID. */
  hasEntryBehind(key: string, id: StreamId): boolean {
    const stream = this.#index.get(key)?.expand().stream;
    return stream !== undefined && stream.places.size > 0 && stream.places.top > id;
  }
}
