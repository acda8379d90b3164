// When to start a process again that has ended: at once the first time, then after twice as long
// each time, until it has run for a while.

const FIRST_MS = 100;
const LONGEST_MS = 10_000;
const STABLE_MS = 30_000;

export class Backoff {
  #waitMs = 0;
  #lastStartMs = Number.NEGATIVE_INFINITY;

  /** Whether to start it now; a `true` counts as a start. Time is monotonic. */
  isDue(running: boolean, nowMs: number): boolean {
    const sinceStartMs = nowMs - this.#lastStartMs;
    if (running) {
      if (sinceStartMs > STABLE_MS) this.#waitMs = 0;
      return false;
    }
    if (sinceStartMs < this.#waitMs) return false;
    this.#waitMs = Math.min(Math.max(this.#waitMs * 2, FIRST_MS), LONGEST_MS);
    this.#lastStartMs = nowMs;
    return true;
  }
}
