// When ops that have arrived were captured at their origins: the beginning of their lag.

import type { Slot } from '../model/version-vector.ts';

export class CaptureTimes {
  /** Per slot, in order of sequences. */
  readonly #times: { seq: number; at: number }[][];

  constructor(slots: number) {
    this.#times = Array.from({ length: slots }, () => []);
  }

  /** Ops of `slot` up to `seq` arrived that were captured at this wall-clock time there, in ms. */
  arrived(slot: Slot, seq: number, at: number): void {
    this.#times[slot]?.push({ seq, at });
  }

  /** Ops of `slot` up to `seq` are visible here: when the last of them was captured. */
  visible(slot: Slot, seq: number): number | undefined {
    const times = this.#times[slot] ?? [];
    const done = times.findIndex((time) => time.seq > seq);
    // A batch may end within a frame: then that frame's time is the one.
    const last = times[done === -1 ? times.length - 1 : done];
    times.splice(0, done === -1 ? times.length : done);
    return last?.at;
  }
}
