// The standby of a simulated engine: it carries out what that streams, in order and a little later, and may take its
// place at any time. What it has not carried out by then is gone.

import type { ModelEngine } from './model-engine/model-engine.ts';
import type { Random } from './random.ts';
import type { Schedule } from './schedule.ts';

export class Standby {
  readonly engine: ModelEngine;
  readonly #random: Random;
  readonly #schedule: Schedule;
  readonly #lagMs: number;
  readonly #onProgress: () => void;
  #lastArrival = 0;
  #isAway = false;

  /** `stream`: what was streamed so far. `onProgress`: it has carried out more. */
  constructor(
    engine: ModelEngine,
    stream: Buffer,
    random: Random,
    schedule: Schedule,
    onProgress: () => void,
  ) {
    this.engine = engine;
    this.#random = random;
    this.#schedule = schedule;
    this.#lagMs = random.pick([0.5, 3, 20]);
    this.#onProgress = onProgress;
    engine.follow(stream);
  }

  /** A unit of the stream, whole. */
  streamed(unit: Buffer): void {
    const { now } = this.#schedule;
    const at = Math.max(this.#lastArrival, now + this.#random.between(0, this.#lagMs));
    this.#lastArrival = at;
    this.#schedule.after(at - now, () => {
      if (this.#isAway) return;
      this.engine.follow(unit);
      this.#onProgress();
    });
  }

  /** It gets nothing more: it has died, or its engine has. */
  leave(): void {
    this.#isAway = true;
  }
}
