// How fast a donor may send: a bucket that fills with so many bytes a second and is emptied by what is
// sent. Clock readings are inputs.

/** What the bucket holds at most, as a part of a second's filling: bursts are short. */
const BURST_SECONDS = 0.1;
const BURST_BYTES_MIN = 4096;

/** How many bytes may be sent, over all tunnels of a donor. */
export class Throttle {
  #bytesPerSecond: number | null = null;
  #available = 0;
  #filledMs = 0;

  /** Null while there is no limit. */
  get bytesPerSecond(): number | null {
    return this.#bytesPerSecond;
  }

  /** Takes effect at once; null lifts the limit. */
  set(bytesPerSecond: number | null, nowMs: number): void {
    this.#bytesPerSecond = bytesPerSecond;
    this.#available = 0;
    this.#filledMs = nowMs;
  }

  /**
   * How many bytes may be sent now; Infinity without a limit. 0 until it is a worthwhile number: the
   * bucket fills while it is being emptied, and whoever took each byte would never come to an end.
   */
  allowance(nowMs: number): number {
    const rate = this.#bytesPerSecond;
    if (rate === null) return Number.POSITIVE_INFINITY;
    const filled = this.#available + ((nowMs - this.#filledMs) * rate) / 1000;
    this.#available = Math.min(this.#burst(rate), filled);
    this.#filledMs = nowMs;
    return this.#available < this.#worthwhile(rate) ? 0 : Math.floor(this.#available);
  }

  /** So many bytes were sent; they may be more than was allowed, and are then missing later. */
  spend(bytes: number): void {
    if (this.#bytesPerSecond !== null) this.#available -= bytes;
  }

  /** How long until bytes may be sent. */
  get waitMs(): number {
    const rate = this.#bytesPerSecond;
    if (rate === null) return 0;
    const missing = this.#worthwhile(rate) - this.#available;
    return Math.max(1, Math.ceil((missing * 1000) / rate));
  }

  #worthwhile(rate: number): number {
    return this.#burst(rate) / 2;
  }

  #burst(rate: number): number {
    return Math.max(BURST_BYTES_MIN, rate * BURST_SECONDS);
  }
}
