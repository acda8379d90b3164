// How far a join has come, as both sides tell it.

import { z } from 'zod';

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
  /** What these stand for: more, where the snapshot is sent as a difference. */
  readonly givenBytes: number;
  /** Of the snapshot; null when the engine does not know beforehand. */
  readonly totalBytes: number | null;
  readonly bytesPerSecond: number;
  /** Wall clock in ms at which its present tunnel began. */
  readonly startedAt: number;
}

/** What a member that joins knows. */
export const joinProgressSchema = z.object({
  /** `saving`: what its engine holds is put aside; `indexing`: that is looked at. */
  phase: z.enum(['saving', 'indexing', 'waiting', 'snapshot', 'stream', 'cut', 'done']),
  /** Received through all tunnels. */
  bytes: z.number(),
  /** What these stood for: more, where the snapshot came as a difference to what was held. */
  givenBytes: z.number(),
  /** Of both, the donor's log. */
  logBytes: z.number(),
  /** Of the data, by the memory that both engines use for it; null before that is known. */
  percent: z.number().nullable(),
  bytesPerSecond: z.number(),
  /** Estimated, for the data; null while nothing can be said. */
  secondsLeft: z.number().nullable(),
  /** How often the engine began anew, because a tunnel broke. */
  restarts: z.number(),
  /** Why there is no tunnel, if there is none. */
  lastError: z.string().nullable(),
});

export type JoinProgress = Readonly<z.infer<typeof joinProgressSchema>>;

export const NOTHING_TAKEN_OVER: JoinProgress = {
  phase: 'waiting',
  bytes: 0,
  givenBytes: 0,
  logBytes: 0,
  percent: null,
  bytesPerSecond: 0,
  secondsLeft: null,
  restarts: 0,
  lastError: null,
};

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
