// What conflicts ask this member to assert of keys, until it is read: once for many conflicts of a moment.
//
// Members that assert a whole value at the same time give each other new reasons to do so; lists even grow by what
// each of them ships. So a member that asserts the same key again within a while waits longer each time, and each member
// another time, until one of them has been heard by the others before they speak.

import { isDue } from '../../base/due.ts';
import type { Assertion } from '../live/assertion.ts';
import type { ReadRequest } from './reads.ts';

/** What regions may show differently for a moment is asserted so much later. */
const SETTLE_AFTER_MS = 30;

/** A key that was not asserted for so long begins anew. */
const CALM_AFTER_MS = 10_000;
/** The wait is doubled so often. */
const DOUBLINGS_MAX = 7;
const REPEATED_KEYS_MAX = 10_000;

interface Settling {
  readonly cells: Set<string>;
  /** Of the cells those that are integers are exact. */
  integers: boolean;
  /** Of a hash. */
  readonly fields: Set<string>;
  expiry: boolean;
  whole: boolean;
  /** When it is read, in ms, and how long that is after it was asked for. */
  readonly due: number;
  readonly waitMs: number;
}

export class PendingAssertions {
  readonly #settling = new Map<string, Settling>();
  /** Whole values that were asserted of late: how often, and when last. The oldest first. */
  readonly #repeats = new Map<string, { readonly count: number; readonly atMs: number }>();
  readonly #rank: number;

  /** `rank`: another number for each member, from 0. */
  constructor(rank: number) {
    this.#rank = rank;
  }

  get isEmpty(): boolean {
    return this.#settling.size === 0;
  }

  has(key: string): boolean {
    return this.#settling.has(key);
  }

  /** `now` in ms. */
  add(key: string, assertion: Assertion, now: number): void {
    let settling = this.#settling.get(key);
    if (settling === undefined) {
      const waitMs = this.#waitMs(key, now);
      settling = {
        cells: new Set(),
        integers: true,
        fields: new Set(),
        expiry: false,
        whole: false,
        due: now + waitMs,
        waitMs,
      };
      this.#settling.set(key, settling);
    }
    if (assertion.kind === 'whole') settling.whole = true;
    else if (assertion.kind === 'expiry') settling.expiry = true;
    else {
      const names = assertion.kind === 'fields' ? settling.fields : settling.cells;
      for (const name of assertion.names) names.add(name);
      if (assertion.kind === 'cells') settling.integers &&= assertion.integers;
    }
  }

  /** Takes out what is to be read by now. */
  due(now: number): ReadRequest[] {
    const requests: ReadRequest[] = [];
    for (const [key, settling] of this.#settling) {
      if (!isDue(settling.due, settling.waitMs, now)) continue;
      this.#settling.delete(key);
      if (settling.whole) this.#noteWhole(key, now);
      requests.push(...requestsOf(key, settling));
    }
    return requests;
  }

  #waitMs(key: string, now: number): number {
    const count = this.#repeatsOf(key, now);
    if (count === 0) return SETTLE_AFTER_MS;
    return SETTLE_AFTER_MS * 2 ** Math.min(count, DOUBLINGS_MAX) * (1 + this.#rank);
  }

  #repeatsOf(key: string, now: number): number {
    const repeats = this.#repeats.get(key);
    return repeats === undefined || Math.abs(now - repeats.atMs) > CALM_AFTER_MS
      ? 0
      : repeats.count;
  }

  #noteWhole(key: string, now: number): void {
    const count = this.#repeatsOf(key, now) + 1;
    this.#repeats.delete(key);
    this.#repeats.set(key, { count, atMs: now });
    if (this.#repeats.size <= REPEATED_KEYS_MAX) return;
    for (const oldest of this.#repeats.keys()) {
      this.#repeats.delete(oldest);
      return;
    }
  }
}

function requestsOf(
  key: string,
  { cells, integers, fields, expiry, whole }: Settling,
): ReadRequest[] {
  if (whole) return [{ kind: 'whole', key, listLength: 'unchanged' }];
  const requests: ReadRequest[] = [];
  if (fields.size > 0) requests.push({ kind: 'fields', key, names: [...fields] });
  const of = integers ? 'fractions' : 'sums';
  if (cells.size > 0) requests.push({ kind: 'cells', key, names: [...cells], of });
  // Elsewhere the fields may bring back a key that is gone, and its expiry with it.
  if (expiry || fields.size > 0) requests.push({ kind: 'expiry', key, restates: true });
  return requests;
}
