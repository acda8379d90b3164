// Which conflicts are recorded: a burst of each type as a whole, then so many a second. The others are counted.
// Two regions that write one hot key thousands of times a second pay for a few records only.

/** Of each type, after a burst. */
const RECORDS_PER_SECOND = 100;
/** What a partition leaves behind should be there as a whole. */
const BURST = 1000;

interface Bucket {
  tokens: number;
  filledAtMs: number;
  skipped: number;
}

export class Sampler {
  readonly #buckets = new Map<string, Bucket>();

  /** The number of conflicts of this type that were skipped since the last one that was not; undefined: skip
   * this one too. */
  admit(type: string, nowMs: number): number | undefined {
    let bucket = this.#buckets.get(type);
    if (bucket === undefined) {
      bucket = { tokens: BURST, filledAtMs: nowMs, skipped: 0 };
      this.#buckets.set(type, bucket);
    }
    const gained = ((nowMs - bucket.filledAtMs) * RECORDS_PER_SECOND) / 1000;
    // The clock may have been set back.
    bucket.tokens = Math.min(BURST, bucket.tokens + Math.max(0, gained));
    bucket.filledAtMs = nowMs;
    if (bucket.tokens < 1) {
      bucket.skipped++;
      return undefined;
    }
    bucket.tokens--;
    const { skipped } = bucket;
    bucket.skipped = 0;
    return skipped;
  }
}
