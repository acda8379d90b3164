// What engines showed where batches were decided: kept per fence until the fence comes by, and logged before the
// batch is executed, so that whoever sees the fence, in whichever life, places the ops as they were placed.

import type { LiveIndex } from './live/live-index.ts';
import type { Measurement } from './live/live-value.ts';

export class DecidedMeasurements {
  readonly #byFence: Map<number, ReadonlyMap<string, Measurement>>;

  constructor(byFence: Map<number, ReadonlyMap<string, Measurement>>) {
    this.#byFence = byFence;
  }

  /** The batch of this fence was decided on these, by key. */
  set(fence: number, measured: ReadonlyMap<string, Measurement>): void {
    this.#byFence.set(fence, measured);
  }

  /** The fence came by: its ops are about to be integrated. */
  reached(fence: number, index: LiveIndex): void {
    for (const [key, measured] of this.#byFence.get(fence) ?? []) index.noteMeasured(key, measured);
    for (const number of this.#byFence.keys()) if (number <= fence) this.#byFence.delete(number);
  }
}
