// How far each peer's writes lag behind here. Measured with every batch; when nothing is written there,
// half a round trip says what a write would take, and when the link is down, how long nothing was heard.

import type { ReplicaId } from '../model/version-vector.ts';
import type { LinkStatus } from './link/links.ts';
import { wallClockMs } from './link/wall-clock.ts';

/** A measurement says nothing about now after this long. */
const STALE_MS = 2000;

export type PeerLink = Pick<LinkStatus, 'id' | 'connected' | 'roundTripMs' | 'receivedBytes'>;

export class Lags {
  readonly #measured = new Map<ReplicaId, { lagMs: number; atMs: number }>();
  readonly #heard = new Map<ReplicaId, { bytes: number; atMs: number }>();

  /** What was captured there at this time, by a clock so far ahead of this one, became visible here just now. */
  becameVisible(origin: ReplicaId, capturedAt: number, skewMs: number): void {
    this.measured(origin, wallClockMs() - (capturedAt - skewMs), performance.now());
  }

  /** A batch of this peer took so long to become visible. */
  measured(peer: ReplicaId, lagMs: number, nowMs: number): void {
    this.#measured.set(peer, { lagMs: Math.max(0, lagMs), atMs: nowMs });
  }

  /** To be told about the link every second or so: that is how exactly it knows what was heard when. */
  observe({ id, connected, receivedBytes }: PeerLink, nowMs: number): void {
    // What a peer sends while it is refused brings none of its writes.
    if (!connected || this.#heard.get(id)?.bytes === receivedBytes) return;
    this.#heard.set(id, { bytes: receivedBytes, atMs: nowMs });
  }

  /** `caughtUp`: all that the peer said it has written is visible here. Null: nothing is known yet. */
  lagMs(link: PeerLink, caughtUp: boolean, nowMs: number): number | null {
    if (!link.connected) {
      const heard = this.#heard.get(link.id);
      return heard === undefined ? null : Math.max(0, nowMs - heard.atMs);
    }
    const measured = this.#measured.get(link.id);
    const isStale = measured === undefined || nowMs - measured.atMs > STALE_MS;
    if (isStale && caughtUp && link.roundTripMs !== null) return link.roundTripMs / 2;
    return measured?.lagMs ?? null;
  }
}
