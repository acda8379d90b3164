// What a stream in the engine must be told because of ops that live ops alone cannot say: they spoke of what was
// there before. Gathered while a batch is tried on a copy of the stream.

import type { StreamId } from './stream-id.ts';

export interface StreamTrim {
  readonly below: StreamId;
  readonly keep: readonly StreamId[];
}

export class StreamEdits {
  /** Entries from before the live ops. */
  readonly removals: StreamId[] = [];
  readonly trims: StreamTrim[] = [];
  /** Groups that ops created or destroyed, and whether one destroyed them. */
  readonly groups = new Map<string, boolean>();
  /** The stream must be there, entries or not. */
  mustExist = false;
  /** The last ID was assigned. */
  assignsLastId = false;

  get isEmpty(): boolean {
    return (
      this.removals.length === 0 &&
      this.trims.length === 0 &&
      this.groups.size === 0 &&
      !this.mustExist &&
      !this.assignsLastId
    );
  }
}
