// How long lists were where batches were decided: kept per fence until the fence comes by, and logged before
// the batch is executed, so that whoever sees the fence, in whichever life, places the ops as they were placed.

import type { LiveIndex } from './live/live-index.ts';

export class DecidedLengths {
  readonly #byFence: Map<number, ReadonlyMap<string, number>>;

  constructor(byFence: Map<number, ReadonlyMap<string, number>>) {
    this.#byFence = byFence;
  }

  /** The batch of this fence was decided with these lengths, by key. */
  set(fence: number, lengths: ReadonlyMap<string, number>): void {
    this.#byFence.set(fence, lengths);
  }

  /** The fence came by: its ops are about to be integrated. */
  reached(fence: number, index: LiveIndex): void {
    for (const [key, length] of this.#byFence.get(fence) ?? []) index.noteLength(key, length);
    for (const number of this.#byFence.keys()) if (number <= fence) this.#byFence.delete(number);
  }
}
