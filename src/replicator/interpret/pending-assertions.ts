// What conflicts ask this member to assert of keys, until it is read: once for many conflicts of a moment.

import { isDue } from '../../base/due.ts';
import type { Assertion } from '../live/live-index.ts';
import type { ReadRequest } from './reads.ts';

/** What regions may show differently for a moment is asserted so much later. */
const SETTLE_AFTER_MS = 30;

interface Settling {
  readonly cells: Set<string>;
  /** Of the cells those that are integers are exact. */
  integers: boolean;
  /** Of a hash. */
  readonly fields: Set<string>;
  expiry: boolean;
  whole: boolean;
  /** When it is read, in ms. */
  readonly due: number;
}

export class PendingAssertions {
  readonly #settling = new Map<string, Settling>();

  get isEmpty(): boolean {
    return this.#settling.size === 0;
  }

  /** `now` in ms. */
  add(key: string, assertion: Assertion, now: number): void {
    let settling = this.#settling.get(key);
    if (settling === undefined) {
      const due = now + SETTLE_AFTER_MS;
      settling = {
        cells: new Set(),
        integers: true,
        fields: new Set(),
        expiry: false,
        whole: false,
        due,
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
      if (!isDue(settling.due, SETTLE_AFTER_MS, now)) continue;
      this.#settling.delete(key);
      requests.push(...requestsOf(key, settling));
    }
    return requests;
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
  if (expiry) requests.push({ kind: 'expiry', key });
  return requests;
}
