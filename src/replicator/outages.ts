// Members that cannot be reached: what is kept for each, how fast that grows, and for how long it can go on. Below
// a runway that the settings name an alarm says what to do; beyond the limit it is told whom to leave behind.

import { bytesText, countText, durationText } from '../base/amounts.ts';
import type { ReplicaId } from '../model/version-vector.ts';
import { Growth, limitOf, type Room, runwayMs } from './runway.ts';
import type { OutageStatus } from './status.ts';

export interface OutageParts {
  readonly log: {
    readonly bytes: number;
    pending(origin: ReplicaId, afterSeq: number): { ops: number; bytes: number };
  };
  /** All whose ops are kept. */
  readonly origins: readonly ReplicaId[];
  /** What the peer is known to have of the origin. */
  readonly knownOf: (peer: ReplicaId, origin: ReplicaId) => number;
  readonly maxBytes: number;
  /** Share of the disk that is to stay free. */
  readonly minFreeShare: number;
  /** Bytes of the live index, in memory, and what they may come to. */
  readonly index: { readonly bytes: number; readonly maxBytes: number };
  readonly warnMs: number;
  readonly criticalMs: number;
}

/** Of the disk with the log, in bytes. */
export interface Disk {
  readonly free: number;
  readonly size: number;
}

/** A member for which too much is kept. */
export interface Excess {
  readonly id: ReplicaId;
  /** Which bound is reached, for people. */
  readonly why: string;
  readonly bytes: number;
}

/** One that is only restarted is not given up, however small the limit. */
const AWAY_MS_MIN = 5000;
/** A full disk is not the fault of less. */
const KEPT_BYTES_MIN = 64 * 1024 * 1024;

interface Outage {
  readonly region: string;
  readonly sinceMs: number;
  readonly sinceMonotonicMs: number;
  readonly growth: Growth;
  ops: number;
  bytes: number;
}

export interface PeerReach {
  readonly id: ReplicaId;
  readonly region: string;
  readonly connected: boolean;
}

export class Outages {
  readonly #parts: OutageParts;
  readonly #outages = new Map<ReplicaId, Outage>();
  readonly #logGrowth = new Growth();
  /** null: not known. */
  disk: Disk | null = null;

  constructor(parts: OutageParts) {
    this.#parts = parts;
  }

  /** To be called every second. `nowMs` is the wall clock, `monotonicMs` does not jump. */
  look(peers: readonly PeerReach[], nowMs: number, monotonicMs: number): void {
    const { log, origins, knownOf } = this.#parts;
    this.#logGrowth.add(log.bytes, monotonicMs);
    for (const { id, region, connected } of peers) {
      if (connected) {
        this.#outages.delete(id);
        continue;
      }
      let outage = this.#outages.get(id);
      if (outage === undefined) {
        const since = { sinceMs: nowMs, sinceMonotonicMs: monotonicMs };
        outage = { region, ...since, growth: new Growth(), ops: 0, bytes: 0 };
        this.#outages.set(id, outage);
      }
      const kept = origins.map((origin) => log.pending(origin, knownOf(id, origin)));
      outage.ops = kept.reduce((sum, { ops }) => sum + ops, 0);
      outage.bytes = kept.reduce((sum, { bytes }) => sum + bytes, 0);
      outage.growth.add(outage.bytes, monotonicMs);
    }
  }

  /** Members that have been away for a while and for which too much is kept. To be called after `look`. */
  excess(monotonicMs: number): Excess[] {
    const why = this.#boundReached();
    if (why === undefined) return [];
    const { log } = this.#parts;
    const found: Excess[] = [];
    for (const [id, { sinceMonotonicMs, bytes }] of this.#outages) {
      // What is kept for who was away for longer goes first.
      const isCause = bytes * 2 >= log.bytes;
      if (isCause && monotonicMs - sinceMonotonicMs >= AWAY_MS_MIN) found.push({ id, why, bytes });
    }
    return found;
  }

  #boundReached(): string | undefined {
    const { log, maxBytes, index } = this.#parts;
    if (log.bytes >= maxBytes) return `the log has reached ${bytesText(maxBytes)} (log.maxBytes)`;
    if (index.bytes >= index.maxBytes)
      return `the live index has reached ${bytesText(index.maxBytes)} (liveIndex.maxBytes)`;
    if (this.disk === null || log.bytes < KEPT_BYTES_MIN) return undefined;
    if (this.disk.free >= this.#minFreeBytes) return undefined;
    return `less than ${bytesText(this.#minFreeBytes)} of the disk are free (log.minFreeShare)`;
  }

  get #minFreeBytes(): number {
    return (this.disk?.size ?? 0) * this.#parts.minFreeShare;
  }

  /** null: the peer can be reached. */
  statusOf(peer: ReplicaId, nowMs: number): OutageStatus | null {
    const outage = this.#outages.get(peer);
    if (outage === undefined) return null;
    const { log, maxBytes } = this.#parts;
    const room: Room = {
      logBytes: log.bytes,
      maxBytes,
      freeBytes: this.disk?.free ?? null,
      minFreeBytes: this.#minFreeBytes,
    };
    const ownGrowth = outage.growth.bytesPerHour;
    const logGrowth = this.#logGrowth.bytesPerHour;
    const fastest = ownGrowth === null ? null : Math.max(ownGrowth, logGrowth ?? 0);
    const known = {
      sinceMs: outage.sinceMs,
      ops: outage.ops,
      bytes: outage.bytes,
      growthBytesPerHour: ownGrowth,
      limitBytes: limitOf(room),
      runwayMs: runwayMs(room, fastest),
    };
    return { ...known, ...this.#alarm(outage.region, known, nowMs) };
  }

  #alarm(
    region: string,
    known: Omit<OutageStatus, 'level' | 'alarm'>,
    nowMs: number,
  ): Pick<OutageStatus, 'level' | 'alarm'> {
    const { warnMs, criticalMs } = this.#parts;
    const left = known.runwayMs;
    if (left === null || left > warnMs) return { level: 'ok', alarm: null };
    const level = left > criticalMs ? 'warning' : 'critical';
    const when =
      left === 0
        ? `the limit of ${bytesText(known.limitBytes)} is reached`
        : `at this rate the limit of ${bytesText(known.limitBytes)} is reached in ${durationText(left)}`;
    const what =
      level === 'critical'
        ? `If ${region} cannot be restored before that it becomes stale and has to be filled anew, or force-unlink it now; \`atoll local status\` says what that would lose.`
        : `Restore ${region} or its links, or add disk space; if it will not come back, force-unlink it.`;
    const away = durationText(nowMs - known.sinceMs);
    const kept = `${countText(known.ops, 'write')} (${bytesText(known.bytes)}) are kept for it`;
    return {
      level,
      alarm: `${region} cannot be reached for ${away}; ${kept}, and ${when}. ${what}`,
    };
  }
}
