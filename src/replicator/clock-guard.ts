// Holds what comes from a clock that is too far ahead. Otherwise one such peer would drag the clocks of all
// along, and win every "newest wins" for as long as its clock was wrong.
//
// Held ops are in the log and received like any others; they only wait to be applied, and what depends on them
// waits as it always does. So order, causality and the frontier (which counts what is visible) stay as they are,
// and a replicator that starts again finds them in its log and holds them again. They go on by themselves when
// the time here comes near, or at once when the limit is raised.

import { type HybridClock, millisecondsOf, timestampAt } from '../model/clock.ts';
import type { ReplicaId, Replicas, Slot } from '../model/version-vector.ts';
import type { Inbound } from './apply/inbound.ts';

const LOOK_EVERY_MS = 100;

/** What is held of one origin. */
export interface Held {
  readonly frames: number;
  /** When the guard first saw it, ms since the epoch by the clock here. */
  readonly sinceMs: number;
  /** How far the first op's timestamp is ahead of the time here. */
  readonly aheadMs: number;
}

interface GuardOptions {
  readonly port: {
    notice(level: 'info' | 'warn' | 'error', message: string, details?: object): void;
  };
  readonly maxAheadMs?: number;
}

export class ClockGuard {
  readonly #replicas: Replicas;
  readonly #inbound: Inbound;
  readonly #clock: HybridClock;
  readonly #port: GuardOptions['port'];
  readonly #heldSince = new Map<Slot, number>();
  #now = 0;
  #lookedAt = 0;
  /** The limit. */
  maxAheadMs: number;

  constructor(replicas: Replicas, inbound: Inbound, clock: HybridClock, options: GuardOptions) {
    this.#replicas = replicas;
    this.#inbound = inbound;
    this.#clock = clock;
    this.#port = options.port;
    this.maxAheadMs = options.maxAheadMs ?? Number.POSITIVE_INFINITY;
  }

  /** What the own clock is known to be wrong by: own ops are stamped, and those of others measured, by the time
   * that the wall clock shows plus this. */
  get correctionMs(): number {
    return this.#clock.correctionMs;
  }

  set correctionMs(ms: number) {
    this.#clock.correctionMs = ms;
  }

  /** How far the timestamps that are given here are ahead of the time here. */
  get clockAheadMs(): number {
    if (this.#now === 0) return 0;
    return Math.max(0, millisecondsOf(this.#clock.last) - this.#time);
  }

  /** The time has come to `now`. */
  turn(now: number): void {
    this.#now = now;
    this.#inbound.newest = timestampAt(this.#time + this.maxAheadMs);
    // A clock that was set back must not keep it from looking.
    if (Math.abs(now - this.#lookedAt) < LOOK_EVERY_MS) return;
    this.#lookedAt = now;
    for (let slot = 0; slot < this.#replicas.count; slot++) this.#look(slot);
  }

  /** What is held of `origin`, if anything is. */
  heldOf(origin: ReplicaId): Held | undefined {
    const slot = this.#replicas.slotOf(origin);
    const since = slot === undefined ? undefined : this.#heldSince.get(slot);
    const held = slot === undefined ? undefined : this.#inbound.heldOf(slot);
    if (held === undefined) return undefined;
    const aheadMs = millisecondsOf(held.timestamp) - this.#time;
    return { frames: held.frames, sinceMs: since ?? this.#now, aheadMs };
  }

  get #time(): number {
    return this.#now + this.#clock.correctionMs;
  }

  #look(slot: Slot): void {
    const origin = this.#replicas.idOf(slot);
    const held = this.heldOf(origin);
    const was = this.#heldSince.get(slot);
    if (held !== undefined && was === undefined) {
      this.#heldSince.set(slot, this.#now);
      this.#port.notice(
        'error',
        'writes of a peer are held: their timestamps are too far ahead of the clock here',
        {
          peer: origin,
          aheadMs: Math.round(held.aheadMs),
          maxAheadMs: this.maxAheadMs,
          action:
            'Nothing is lost. Compare the clocks of both machines and correct the one that is wrong. What is held ' +
            'goes on when the time here comes near its timestamps, or at once when clock.maxAheadMs is raised ' +
            'beyond aheadMs: then these writes win against all concurrent ones.',
        },
      );
    } else if (held === undefined && was !== undefined) {
      this.#heldSince.delete(slot);
      const heldMs = Math.max(0, Math.round(this.#now - was));
      this.#port.notice('info', 'writes of a peer are no longer held', { peer: origin, heldMs });
    }
  }
}
