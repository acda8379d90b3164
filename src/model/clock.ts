// Hybrid logical clock (Kulkarni et al. 2014), packed into a double: milliseconds since 2020 * 4096 +
// counter.
//
// 2^53 / 4096 ms are 69 years, so this reaches 2089. More than 4,096 ops in a millisecond run into the
// next one, which keeps timestamps rising and costs at most a few milliseconds of skew. Ties between
// replicas are broken by replica id. Timestamps respect causality along the order of the stream: an op gets a
// greater timestamp than every op that was visible in its engine before it.

/** Milliseconds since the start of 2020 (UTC) * 4096 + counter. */
export type Timestamp = number;

export const TICKS_PER_MS = 4096;

const EPOCH_MS = Date.UTC(2020, 0, 1);

export class HybridClock {
  #last: Timestamp;
  /** Added to the physical time that is given: what the own clock is known to be wrong by. */
  correctionMs = 0;

  constructor(last: Timestamp = 0) {
    this.#last = last;
  }

  /** The greatest timestamp given or seen so far. */
  get last(): Timestamp {
    return this.#last;
  }

  /** Reserves `count` consecutive timestamps and returns the first. */
  take(nowMs: number, count: number): Timestamp {
    const physical = timestampAt(nowMs + this.correctionMs);
    const first = Math.max(physical, this.#last) + 1;
    this.#last = first + count - 1;
    return first;
  }

  /** A remote op became visible here: later local ops must be newer. */
  observe(timestamp: Timestamp): void {
    if (timestamp > this.#last) this.#last = timestamp;
  }
}

/** The first timestamp of this millisecond, which is counted since 1970. */
export function timestampAt(nowMs: number): Timestamp {
  return (Math.floor(nowMs) - EPOCH_MS) * TICKS_PER_MS;
}

/** Wall-clock milliseconds of a timestamp, since 1970 as usual. */
export function millisecondsOf(timestamp: Timestamp): number {
  return timestamp / TICKS_PER_MS + EPOCH_MS;
}
