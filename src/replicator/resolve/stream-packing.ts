// When the end of a stream is written anew from further up. An engine keeps about a hundred entries in one block, and
// what is taken off leaves its room behind until all entries of the block are gone. A stream to which late entries
// come all the time would end with a block for each time. So now and then everything since some entry is taken
// off and put back, which frees whole blocks; and that entry moves on more rarely.

import type { StreamId } from '../live/streams/stream-id.ts';

/** Late entries came so often before the stream is packed. */
const MERGES_PER_PACK = 32;
/** From further up each time, until it has been packed so often. */
const PACKS_PER_START = 3;
const STREAMS_MAX = 10_000;

interface State {
  /** From here on it is packed. */
  readonly from: StreamId;
  merges: number;
}

export class StreamPacking {
  readonly #states = new Map<string, State>();

  /** An entry is put in front of others. Returns from where the stream is to be packed; undefined: not now. */
  startFor(key: string, first: StreamId): StreamId | undefined {
    const state = this.#states.get(key);
    if (state === undefined || first < state.from) {
      this.#begin(key, first);
      return undefined;
    }
    state.merges++;
    if (state.merges % MERGES_PER_PACK !== 0) return undefined;
    if (state.merges === MERGES_PER_PACK * PACKS_PER_START) this.#begin(key, first);
    return state.from;
  }

  #begin(key: string, from: StreamId): void {
    this.#states.delete(key);
    this.#states.set(key, { from, merges: 0 });
    if (this.#states.size <= STREAMS_MAX) return;
    for (const oldest of this.#states.keys()) {
      this.#states.delete(oldest);
      return;
    }
  }
}
