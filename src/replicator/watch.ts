// What a replicator keeps an eye on besides its work, so that an operator hears of trouble before it hurts: the
// clocks, the engine's memory, and members that cannot be reached. It measures, tells, and says what to do.

import { statfs } from 'node:fs/promises';
import type { Logger } from 'pino';
import type { ReplicaId, VersionEntries } from '../model/version-vector.ts';
import { decodeFrameHeader } from '../wire/frame.ts';
import type { ReplicatorConfig } from './config.ts';
import type { Core } from './core.ts';
import type { EngineMemory } from './engine-memory.ts';
import type { LinkStatus, Links } from './link/links.ts';
import { shiftWallClock, wallClockMs, wallClockShiftMs } from './link/wall-clock.ts';
import type { Log } from './log/log.ts';
import { Outages } from './outages.ts';
import { clockAlarm, OwnClock } from './own-clock.ts';
import type { StaleMembers } from './stale/stale-members.ts';
import type { ClockStatus, PeerStatus, ReplicatorStatus } from './status.ts';

export interface WatchParts {
  readonly config: ReplicatorConfig;
  readonly core: Core;
  readonly links: Links;
  readonly log: Log;
  readonly memory: EngineMemory;
  readonly stale: StaleMembers;
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
  readonly #outages: Outages;
  /** Per peer, the last op that it said it had written. */
  readonly #said = new Map<ReplicaId, number>();
  readonly #alarms = new Set<string>();

  constructor(parts: WatchParts) {
    this.#parts = parts;
    const { config, core, links, log, logger } = parts;
    this.#ownClock = new OwnClock(config.members.length > 1, (stepMs) => {
      logger.warn({ stepMs: Math.round(stepMs) }, 'the clock of this machine was set');
      links.forgetClocks();
    });
    this.#outages = new Outages({
      log,
      origins: core.replicas.ids,
      knownOf: (peer, origin) => core.stability.knownOf(peer, origin),
      maxBytes: config.log.maxBytes,
      minFreeShare: config.log.minFreeShare,
      index: {
        get bytes() {
          return core.index.bytes;
        },
        maxBytes: config.liveIndex.maxBytes,
      },
      ...config.runway,
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
    const { config, links, core } = this.#parts;
    const skewsMs: number[] = [];
    const peers = links.status();
    for (const { connected, clockSkewMs } of peers) {
      if (connected && clockSkewMs !== null) skewsMs.push(clockSkewMs);
    }
    this.#ownClock.measured(skewsMs, core.clockGuard.maxAheadMs);
    this.#tell('clock', this.#clock().alarm);
    const memory = this.#parts.memory.status();
    for (const state of ['full', 'waiting']) {
      this.#tell(`engine ${state}`, memory.state === state ? memory.alarm : null);
    }
    this.#lookAtOutages(peers);
    statfs(config.stateDir).then(
      ({ bavail, blocks, bsize }) => {
        this.#outages.disk = { free: bavail * bsize, size: blocks * bsize };
      },
      () => {
        this.#outages.disk = null;
      },
    );
  }

  #lookAtOutages(all: readonly LinkStatus[]): void {
    const { stale } = this.#parts;
    const peers = all.filter(({ id }) => !stale.isStale(id));
    for (const { id } of all) this.#tell(`stale ${id}`, stale.statusOf(id)?.alarm ?? null);
    this.#outages.look(peers, Date.now(), performance.now());
    const away = peers.filter(({ connected }) => !connected).map(({ id }) => id);
    stale.leave(this.#outages.excess(performance.now()), away);
    for (const { id } of peers) {
      const outage = this.#outages.statusOf(id, Date.now());
      for (const level of ['warning', 'critical']) {
        this.#tell(`${level} ${id}`, outage?.level === level ? outage.alarm : null);
      }
    }
  }

  /** The peer stated what is visible there. */
  stated(peer: ReplicaId, entries: VersionEntries): void {
    for (const [id, seq] of entries) {
      if (id === peer && seq > (this.#said.get(peer) ?? 0)) this.#said.set(peer, seq);
    }
  }

  setClock({ maxAheadMs, shiftMs }: ClockSetting): void {
    if (maxAheadMs !== undefined) this.#parts.core.clockGuard.maxAheadMs = maxAheadMs;
    if (shiftMs !== undefined) shiftWallClock(shiftMs);
    this.#parts.logger.warn({ maxAheadMs, shiftMs }, 'the clock guard was set on request');
  }

  status(): Pick<ReplicatorStatus, 'clock' | 'engineMemory' | 'diskFreeBytes'> {
    const engineMemory = this.#parts.memory.status();
    return { clock: this.#clock(), engineMemory, diskFreeBytes: this.#outages.disk?.free ?? null };
  }

  peerStatus(link: LinkStatus, lagMs: number | null): PeerStatus {
    const { core, config, log, stale } = this.#parts;
    const isStale = stale.isStale(link.id);
    const known = core.stability.knownOf(link.id, config.self);
    const pending = isStale ? { ops: 0, bytes: 0 } : log.pending(config.self, known);
    const held = core.clockGuard.heldOf(link.id);
    return {
      id: link.id,
      region: link.region,
      connected: link.connected,
      cut: link.cut,
      lagMs,
      roundTripMs: link.roundTripMs,
      clockSkewMs: link.clockSkewMs,
      pendingOps: pending.ops,
      pendingBytes: pending.bytes,
      pendingOldestMs: isStale ? null : this.#oldestMs(config.self, known),
      sentBytes: link.sentBytes,
      receivedBytes: link.receivedBytes,
      lastError: link.lastError,
      held: held
        ? { heldFrames: held.frames, heldSinceMs: held.sinceMs, aheadMs: held.aheadMs }
        : null,
      writes: this.#writesOf(link.id),
      outage: isStale ? null : this.#outages.statusOf(link.id, Date.now()),
      stale: stale.statusOf(link.id),
    };
  }

  #writesOf(peer: ReplicaId): NonNullable<PeerStatus['writes']> {
    const { core, log } = this.#parts;
    const received = core.receivedOf(peer);
    const stable = new Map(core.frontier).get(peer) ?? 0;
    const kept = log.pending(peer, stable);
    return {
      received,
      said: Math.max(received, this.#said.get(peer) ?? 0),
      keptOps: kept.ops,
      keptBytes: kept.bytes,
      oldestMs: this.#oldestMs(peer, stable),
    };
  }

  /** Age of the oldest op of `origin` in the log beyond `seq`. */
  #oldestMs(origin: ReplicaId, seq: number): number | null {
    const frame = this.#parts.log.frameAfter(origin, seq);
    if (frame === undefined) return null;
    return Math.max(0, Date.now() - decodeFrameHeader(frame).capturedAt);
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
