// How often somebody may try: so many failures in a span of time, then none until it is over. What is being tried
// counts from its beginning, so that many attempts at once are no way around. Bounded in memory.

export interface AttemptLimit {
  readonly most: number;
  readonly windowMs: number;
}

interface Span {
  sinceMs: number;
  count: number;
}

const NAMES_MAX = 10_000;

export class Attempts {
  readonly #limit: AttemptLimit;
  readonly #now: () => number;
  /** In the order in which they began. */
  readonly #spans = new Map<string, Span>();

  constructor(limit: AttemptLimit, now: () => number = Date.now) {
    this.#limit = limit;
    this.#now = now;
  }

  /** Counts an attempt; false: there were too many. */
  take(name: string): boolean {
    const nowMs = this.#now();
    const span = this.#current(name, nowMs);
    if (span === undefined) {
      this.#makeRoom(nowMs);
      this.#spans.set(name, { sinceMs: nowMs, count: 1 });
      return true;
    }
    if (span.count >= this.#limit.most) return false;
    span.count++;
    return true;
  }

  /** The attempt was none: it went well. */
  giveBack(name: string): void {
    const span = this.#spans.get(name);
    if (span === undefined) return;
    span.count--;
    if (span.count <= 0) this.#spans.delete(name);
  }

  #current(name: string, nowMs: number): Span | undefined {
    const span = this.#spans.get(name);
    if (span === undefined || nowMs - span.sinceMs < this.#limit.windowMs) return span;
    this.#spans.delete(name);
    return undefined;
  }

  /** Those that began first go first, over or not. */
  #makeRoom(nowMs: number): void {
    for (const [name, { sinceMs }] of this.#spans) {
      const isOver = nowMs - sinceMs >= this.#limit.windowMs;
      if (!isOver && this.#spans.size < NAMES_MAX) return;
      this.#spans.delete(name);
    }
  }
}
