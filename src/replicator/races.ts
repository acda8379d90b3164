// What is to be done when a local write has slipped in between the decision on a batch and the batch: behind
// ops that commute, which need no WATCH, or where a key expired while the batch touched it.

import type { Attempt } from './apply/applier.ts';
import type { Counters } from './counters.ts';
import type { Assertion } from './live/assertion.ts';
import { CELL_KINDS } from './live/effect.ts';
import type { LiveIndex } from './live/live-index.ts';
import type { LiveOp } from './live/live-op.ts';
import type { Settlement } from './live/settlement.ts';

export interface RaceRemedies {
  /** Write the key anew from its live ops. */
  settle(key: string, what: Settlement): void;
  /** Read and ship what this member shows of the key. */
  assert(key: string, assertion: Assertion, now: number): void;
}

export class Races {
  readonly #index: LiveIndex;
  readonly #counters: Counters;
  readonly #remedies: RaceRemedies;

  constructor(index: LiveIndex, counters: Counters, remedies: RaceRemedies) {
    this.#index = index;
    this.#counters = counters;
    this.#remedies = remedies;
  }

  /** `op` became visible; its batch was decided with own ops up to `decidedAt` known. */
  afterOp(op: LiveOp, decidedAt: number): void {
    const entry = this.#index.merged(op.key);
    if (entry?.table === undefined || entry.lastLocal <= decidedAt) return;
    this.#counters.applyRaces++;
    this.#remedies.settle(op.key, CELL_KINDS.has(op.kind) ? 'value' : 'value and expiry');
  }

  /** What the batch was to settle is settled. */
  afterSettling({ batch, decidedAt }: Attempt, now: number): void {
    for (const [key, what] of batch.settle) {
      // What was settled without knowing of a newer local op is settled once more.
      const entry = this.#index.summary(key);
      if ((entry?.lastLocal ?? 0) > decidedAt) this.#remedies.settle(key, what);
      // A local write without a rule may have built on what was to be settled: its value is the key's.
      if (entry?.holdsUnknown === true) this.#remedies.assert(key, { kind: 'whole' }, now);
    }
  }
}
