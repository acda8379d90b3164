// How far apart two clocks are (as NTP does it). Of the last samples the one with the shortest round
// trip counts: queues only ever make a trip longer, and then the halves are unlike.

import type { Pong } from './messages.ts';

const SAMPLES_MAX = 8;

interface Sample {
  readonly roundTripMs: number;
  readonly skewMs: number;
}

export class ClockEstimate {
  #samples: Sample[] = [];

  add(pong: Pong, nowWallMs: number): void {
    const { sentMs, receivedMs, answeredMs } = pong;
    const roundTripMs = nowWallMs - sentMs - (answeredMs - receivedMs);
    // A clock was set in between.
    if (roundTripMs < 0) return;
    const skewMs = (receivedMs - sentMs + (answeredMs - nowWallMs)) / 2;
    this.#samples.push({ roundTripMs, skewMs });
    if (this.#samples.length > SAMPLES_MAX) this.#samples.shift();
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
