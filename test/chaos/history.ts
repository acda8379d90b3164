// What the clients of a chaos run did: every write with the time of its answer, or without one. Which writes may be
// lost follows from the windows in which a region lost its engine, or was given up: outside of them an answer is a
// promise.

/** Where a write belongs: what is checked at the end differs by it. */
export type Container = 'set' | 'hash' | 'list' | 'stream' | 'key';

export interface Answered {
  readonly region: string;
  /** When the answer came, ms since the epoch; null: none came, it may have been carried out or not. */
  readonly answeredAtMs: number | null;
}

export interface Counted extends Answered {
  readonly key: string;
  readonly by: number;
}

/** An element that exists once in the whole run was added or removed. */
export interface Changed extends Answered {
  readonly container: Container;
  readonly key: string;
  /** null: a pop without an answer. */
  readonly element: string | null;
}

export interface Versioned extends Answered {
  readonly key: string;
  readonly version: number;
}

/** Answers that a region gave in this time may be lost. */
export interface LossWindow {
  readonly region: string;
  readonly fromMs: number;
  toMs: number;
  readonly why: string;
}

export class History {
  readonly counted: Counted[] = [];
  readonly added: Changed[] = [];
  readonly removed: Changed[] = [];
  readonly versions: Versioned[] = [];
  readonly windows: LossWindow[] = [];
  /** Everything that was answered before may be gone, ms since the epoch. */
  flushedAtMs = 0;
  /** Everything that was answered until then is gone: all engines of the group died, and it began anew. */
  emptiedAtMs = 0;
  /** Answered with an error: not carried out. */
  refused = 0;

  get writes(): number {
    return this.counted.length + this.added.length + this.removed.length + this.versions.length;
  }

  /** Whether the write must be everywhere. */
  isCertain({ region, answeredAtMs }: Answered): boolean {
    if (answeredAtMs === null || answeredAtMs <= this.flushedAtMs) return false;
    if (answeredAtMs <= this.emptiedAtMs) return false;
    return !this.windows.some(
      (window) =>
        window.region === region && answeredAtMs >= window.fromMs && answeredAtMs <= window.toMs,
    );
  }

  /** Whether the write must be nowhere. */
  isGone({ answeredAtMs }: Answered): boolean {
    return answeredAtMs !== null && answeredAtMs <= this.emptiedAtMs;
  }

  /** How many writes were answered, and may be lost nevertheless; and how many had no answer. */
  uncertain(): { readonly mayBeLost: number; readonly unanswered: number } {
    let [mayBeLost, unanswered] = [0, 0];
    for (const list of [this.counted, this.added, this.removed, this.versions]) {
      for (const write of list) {
        if (write.answeredAtMs === null) unanswered++;
        else if (!this.isCertain(write)) mayBeLost++;
      }
    }
    return { mayBeLost, unanswered };
  }
}
