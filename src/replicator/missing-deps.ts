// Ops that do not arrive by themselves, and are asked for: those that others wait for, because a link is cut,
// where the waiting op came from, for who made it had them; and the last ops of a member that is gone, from
// one peer after another, until everybody has what anybody has. What such a member wrote on top of ops that
// nobody has any more is lost with them: everybody drops it.

import { isDue } from '../base/due.ts';
import type { Replicas, Slot, VersionVector } from '../model/version-vector.ts';
import type { Inbound } from './apply/inbound.ts';
import type { CorePort } from './core-port.ts';

const WANT_AFTER_MS = 20;
const WANT_AGAIN_MS = 200;

export interface MissingDepsOptions {
  readonly replicas: Replicas;
  readonly self: Slot;
  readonly inbound: Inbound;
  /** Members that are gone, with the last of their ops that somebody has; less here, where the rest is lost. */
  readonly gone: Map<Slot, number>;
  readonly port: Pick<CorePort, 'want' | 'notice'>;
}

export class MissingDeps {
  readonly #options: MissingDepsOptions;
  /** Who can be asked. */
  readonly #present: readonly Slot[];
  readonly #waiting = new Map<Slot, { since: number; askedAt: number }>();
  #turn = 0;

  constructor(options: MissingDepsOptions) {
    this.#options = options;
    const slots = options.replicas.ids.map((_, slot) => slot);
    this.#present = slots.filter((slot) => slot !== options.self && !options.gone.has(slot));
  }

  /** Asks for what has been missing for a while. `scheduled`: what is visible or about to be. */
  ask(scheduled: VersionVector, nowMs: number): void {
    const { replicas, self, inbound, gone } = this.#options;
    for (let slot = 0; slot < replicas.count; slot++) {
      if (slot === self) continue;
      const last = gone.get(slot) ?? 0;
      const missing =
        inbound.received(slot) < last ? { slot, seq: last } : inbound.blockedOn(slot, scheduled);
      if (missing !== undefined && this.#isLost(slot, missing))
        this.#discard(slot, missing, scheduled);
      else this.#askFor(slot, missing, nowMs);
    }
  }

  /** `missing` keeps the ops of `waiter` from going on. */
  #askFor(waiter: Slot, missing: { slot: Slot; seq: number } | undefined, nowMs: number): void {
    const { replicas, inbound, port } = this.#options;
    if (missing === undefined || inbound.received(missing.slot) >= missing.seq) {
      this.#waiting.delete(waiter);
      return;
    }
    const waiting = this.#waiting.get(waiter) ?? { since: nowMs, askedAt: 0 };
    this.#waiting.set(waiter, waiting);
    if (!isDue(waiting.since + WANT_AFTER_MS, WANT_AFTER_MS, nowMs)) return;
    if (!isDue(waiting.askedAt + WANT_AGAIN_MS, WANT_AGAIN_MS, nowMs)) return;
    const peer = this.#options.gone.has(waiter) ? this.#nextPresent() : waiter;
    if (peer === undefined) return;
    waiting.askedAt = nowMs;
    const origin = replicas.idOf(missing.slot);
    port.want(replicas.idOf(peer), origin, inbound.received(missing.slot));
  }

  /** Of two members that are gone, one had seen ops of the other that nobody else had. */
  #isLost(waiter: Slot, missing: { slot: Slot; seq: number }): boolean {
    const { gone } = this.#options;
    const last = gone.get(missing.slot);
    return gone.has(waiter) && missing.slot !== waiter && last !== undefined && missing.seq > last;
  }

  #discard(waiter: Slot, missing: { slot: Slot; seq: number }, scheduled: VersionVector): void {
    const { replicas, inbound, gone, port } = this.#options;
    inbound.discard(waiter);
    gone.set(waiter, scheduled[waiter] as number);
    const [lost, other] = [replicas.idOf(waiter), replicas.idOf(missing.slot)];
    port.notice(
      'warn',
      `the last writes of replica ${lost} are lost: they follow writes of replica ${other} that nobody has`,
    );
  }

  #nextPresent(): Slot | undefined {
    return this.#present[this.#turn++ % this.#present.length];
  }
}
