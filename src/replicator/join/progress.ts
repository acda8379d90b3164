// How far a join has come, as both sides tell it.

/** A rate is that of about so long. */
const WINDOW_MS = 5000;
const SAMPLE_EVERY_MS = 250;

/** Where a tunnel stands: waiting for the engine, its snapshot, its stream, or the log at the cut. */
export type TunnelPhase = 'waiting' | 'snapshot' | 'stream' | 'cut';

/** What a donor knows of a member that joins from it. */
export interface TunnelProgress {
  /** Replica id of the member that joins. */
  readonly peer: number;
  readonly phase: TunnelPhase;
  /** Sent to it, of snapshot, stream and log, on the present connections. */
  readonly bytes: number;
  /** Of the snapshot; null when the engine does not know beforehand. */
  readonly totalBytes: number | null;
  readonly bytesPerSecond: number;
  /** Wall clock in ms at which its present tunnel began. */
  readonly startedAt: number;
}

/** What a member that joins knows. */
export interface JoinProgress {
  readonly phase: TunnelPhase | 'done';
  /** Received through all tunnels. */
  readonly bytes: number;
  /** Of the data, by the memory that both engines use for it; null before that is known. */
  readonly percent: number | null;
  readonly bytesPerSecond: number;
  /** Estimated, for the data; null while nothing can be said. */
  readonly secondsLeft: number | null;
  /** How often the engine began anew, because a tunnel broke. */
  readonly restarts: number;
  /** Why there is no tunnel, if there is none. */
  readonly lastError: string | null;
}

/** The rate of a count that rises. */
export class Rate {
  readonly #samples: { atMs: number; count: number }[] = [];

  /** `count` has been reached. */
  note(count: number, nowMs: number): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && nowMs - last.atMs < SAMPLE_EVERY_MS) return;
    this.#samples.push({ atMs: nowMs, count });
    while (nowMs - (this.#samples[0]?.atMs ?? nowMs) > WINDOW_MS) this.#samples.shift();
  }

  /** Over the last seconds up to now, at which it is `count`; 0 when nothing is known. */
  perSecond(count: number, nowMs: number): number {
    while (this.#samples.length > 1 && nowMs - (this.#samples[0]?.atMs ?? nowMs) > WINDOW_MS) {
      this.#samples.shift();
    }
    const first = this.#samples[0];
    if (first === undefined || nowMs <= first.atMs) return 0;
    return ((count - first.count) * 1000) / (nowMs - first.atMs);
  }
}
