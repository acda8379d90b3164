// Work that is done again and again, with a pause in between, until it is told to stop.

import { setTimeout as delay } from 'node:timers/promises';

export class Rounds {
  readonly #stopping = new AbortController();
  #work: Promise<void> = Promise.resolve();

  /** Aborted as soon as it is told to stop. */
  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  /** Begins with the first round. `round` deals with its own errors; `pauseMs` is asked after each. */
  start(round: () => Promise<void>, pauseMs: () => number): void {
    this.#work = this.#run(round, pauseMs);
  }

  /** Resolves when the round that is under way is over. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#work;
  }

  async #run(round: () => Promise<void>, pauseMs: () => number): Promise<void> {
    const { signal } = this;
    while (!signal.aborted) {
      await round();
      await delay(pauseMs(), undefined, { signal }).catch(() => undefined);
    }
  }
}
