// Latencies of millions of commands in little memory: how many there were in each step of 10 microseconds.

const STEP_MS = 0.01;
const STEPS = 100_000;

export class LatencyHistogram {
  readonly #counts = new Uint32Array(STEPS);
  #total = 0;

  add(latencyMs: number, count: number): void {
    const step = Math.min(STEPS - 1, Math.max(0, Math.floor(latencyMs / STEP_MS)));
    this.#counts[step] = (this.#counts[step] ?? 0) + count;
    this.#total += count;
  }

  /** The upper bound of the step in which this share of all lies; one second for all beyond; NaN for none. */
  percentileMs(percent: number): number {
    if (this.#total === 0) return Number.NaN;
    let left = Math.max(1, Math.ceil((percent / 100) * this.#total));
    for (let step = 0; step < STEPS; step += 1) {
      left -= this.#counts[step] ?? 0;
      if (left <= 0) return (step + 1) * STEP_MS;
    }
    return STEPS * STEP_MS;
  }
}
