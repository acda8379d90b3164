// How far apart two clocks are (as NTP does it). Of the last samples the one with the shortest round
// trip counts: queues only ever make a trip longer, and then the halves are unlike. Samples that cannot be true
// at once mean that a clock was set: then the older ones are void.

import type { Pong } from './messages.ts';

const SAMPLES_MAX = 8;
/** A link that is silent for half as long is ended. */
const ROUND_TRIP_MS_MAX = 10_000;
/** Clocks that are slewed may drift apart by as much between two samples. */
const DRIFT_MS_MAX = 500;

interface Sample {
  readonly roundTripMs: number;
  readonly skewMs: number;
}

export class ClockEstimate {
  #samples: Sample[] = [];

  add(pong: Pong, nowWallMs: number): void {
    const { sentMs, receivedMs, answeredMs } = pong;
    const roundTripMs = nowWallMs - sentMs - (answeredMs - receivedMs);
    // A clock was set in between: half of the step would pass for a skew.
    if (roundTripMs < 0 || roundTripMs > ROUND_TRIP_MS_MAX) return;
    const skewMs = (receivedMs - sentMs + (answeredMs - nowWallMs)) / 2;
    this.#samples = this.#samples.filter((sample) => {
      const apartMs = Math.abs(sample.skewMs - skewMs);
      return apartMs <= (sample.roundTripMs + roundTripMs) / 2 + DRIFT_MS_MAX;
    });
    this.#samples.push({ roundTripMs, skewMs });
    if (this.#samples.length > SAMPLES_MAX) this.#samples.shift();
  }

  /** The own clock was set: nothing is known any more. */
  forget(): void {
    this.#samples = [];
  }

  get #best(): Sample | undefined {
    let best: Sample | undefined;
    for (const sample of this.#samples) {
      if (best === undefined || sample.roundTripMs < best.roundTripMs) best = sample;
    }
    return best;
  }

  get roundTripMs(): number | null {
    return this.#best?.roundTripMs ?? null;
  }

  /** Their clock minus ours. */
  get skewMs(): number | null {
    return this.#best?.skewMs ?? null;
  }
}
