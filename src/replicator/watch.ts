// What a replicator keeps an eye on besides its work, so that an operator hears of trouble before it hurts: the
// clocks. It measures, tells, and says what to do.

import type { Logger } from 'pino';
import type { ReplicaId } from '../model/version-vector.ts';
import type { ReplicatorConfig } from './config.ts';
import type { Core } from './core.ts';
import type { Links } from './link/links.ts';
import { shiftWallClock, wallClockMs, wallClockShiftMs } from './link/wall-clock.ts';
import { clockAlarm, OwnClock } from './own-clock.ts';
import type { ClockStatus, PeerStatus } from './status.ts';

export interface WatchParts {
  readonly config: ReplicatorConfig;
  readonly core: Core;
  readonly links: Links;
  readonly logger: Logger;
}

/** What can be set while a replicator runs. */
export interface ClockSetting {
  /** Writes with timestamps up to so far ahead of the time here are let through. */
  readonly maxAheadMs?: number | undefined;
  /** For drills: show a wall clock that is wrong by so much. */
  readonly shiftMs?: number | undefined;
}

export class Watch {
  readonly #parts: WatchParts;
  readonly #ownClock: OwnClock;
  readonly #alarms = new Set<string>();

  constructor(parts: WatchParts) {
    this.#parts = parts;
    const { config, links, logger } = parts;
    this.#ownClock = new OwnClock(config.members.length > 1, (stepMs) => {
      logger.warn({ stepMs: Math.round(stepMs) }, 'the clock of this machine was set');
      links.forgetClocks();
    });
  }

  /** The wall clock; the core learns before it stamps with it whether it is to be believed. In a drill only the
   * stamps are wrong: what is due to expire goes by the clock of the engine, which was not set. */
  now(): number {
    const { clockGuard } = this.#parts.core;
    const wallMs = wallClockMs();
    const shiftMs = wallClockShiftMs();
    this.#ownClock.observe(wallMs, performance.now(), clockGuard.maxAheadMs);
    clockGuard.correctionMs = this.#ownClock.verdict.correctionMs + shiftMs;
    return wallMs - shiftMs;
  }

  /** To be called every second. */
  look(): void {
    const { links, core } = this.#parts;
    const skewsMs: number[] = [];
    for (const { connected, clockSkewMs } of links.status()) {
      if (connected && clockSkewMs !== null) skewsMs.push(clockSkewMs);
    }
    this.#ownClock.measured(skewsMs, core.clockGuard.maxAheadMs);
    this.#tell('clock', this.#clock().alarm);
  }

  setClock({ maxAheadMs, shiftMs }: ClockSetting): void {
    if (maxAheadMs !== undefined) this.#parts.core.clockGuard.maxAheadMs = maxAheadMs;
    if (shiftMs !== undefined) shiftWallClock(shiftMs);
    this.#parts.logger.warn({ maxAheadMs, shiftMs }, 'the clock guard was set on request');
  }

  status(): { clock: ClockStatus } {
    return { clock: this.#clock() };
  }

  peerStatus(peer: ReplicaId): Required<Pick<PeerStatus, 'held'>> {
    const held = this.#parts.core.clockGuard.heldOf(peer);
    if (held === undefined) return { held: null };
    const { frames, sinceMs, aheadMs } = held;
    return { held: { heldFrames: frames, heldSinceMs: sinceMs, aheadMs } };
  }

  #clock(): ClockStatus {
    const { clockGuard } = this.#parts.core;
    const { verdict } = this.#ownClock;
    const { maxAheadMs } = clockGuard;
    const alarm = clockAlarm(verdict, maxAheadMs) ?? null;
    return { maxAheadMs, aheadMs: clockGuard.clockAheadMs, ...verdict, alarm };
  }

  /** Says once that an alarm is raised, and that it is over. */
  #tell(what: string, alarm: string | null): void {
    if (alarm !== null && !this.#alarms.has(what)) {
      this.#alarms.add(what);
      this.#parts.logger.error({ alarm: what }, alarm);
    } else if (alarm === null && this.#alarms.delete(what)) {
      this.#parts.logger.info({ alarm: what }, 'the alarm is over');
    }
  }
}
