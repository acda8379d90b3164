// For how long somebody who is asked has said nothing. Only time counts in which there was somebody to listen: while
// the machine was suspended, or whoever asks stood still, answers could not be heard, and those who were asked may
// have stood still as well.

/** Whoever looks again only after so long did not run in between. */
const GAP_MS_MIN = 1_000;

export class Silence {
  #ms = 0;
  #lookedMs: number | null = null;

  get ms(): number {
    return this.#ms;
  }

  /** Something was said, whatever it was. */
  heard(): void {
    this.#ms = 0;
  }

  /** To be called several times a second, with monotonic time. `isAsked`: an answer has been awaited since the last look. */
  look(nowMs: number, isAsked: boolean): void {
    const sinceMs = nowMs - (this.#lookedMs ?? nowMs);
    this.#lookedMs = nowMs;
    if (isAsked && sinceMs < GAP_MS_MIN) this.#ms += sinceMs;
  }
}
