// What follows from an op that was taken in besides what the engine shows: a conflict to record, and what this member
// must assert, because the others cannot work it out.

import type { ValueClass } from './effect.ts';
import type { ConflictType } from './meetings/conflict.ts';

/** What a member must read from its engine and ship, because of concurrent ops. */
export type Assertion =
  | { readonly kind: 'whole' }
  | { readonly kind: 'expiry' }
  /** Fields of a hash with their expiries, or that they are gone. */
  | { readonly kind: 'fields'; readonly names: readonly string[] }
  /** Sums that were rounded. `integers`: what was added are integers, so sums that are integers are exact. */
  | {
      readonly kind: 'cells';
      readonly valueClass: 'string' | 'zset';
      readonly names: string[];
      readonly integers: boolean;
    };

/** What happened when an op was integrated. */
export interface Integration {
  /** The op met one that it had not observed, where both write. */
  readonly conflict: ConflictType | undefined;
  /** This member must assert this. */
  readonly assertion: Assertion | undefined;
  /** And these fields. */
  readonly fields?: Assertion;
  /** And these sums, which were made anew of what a removal had left. */
  readonly sums?: Assertion;
  /** An own op ended what kept a removal from being carried out here: the engine still shows what that removes. */
  readonly isLetThrough?: true;
}

/** Nothing follows. */
export const QUIET: Integration = { conflict: undefined, assertion: undefined };

/** What follows where an own op ended what kept a removal from being carried out. Places in lists and documents cannot
 * be written again: of those what the engine shows is the value. */
export function letThrough(visible: ValueClass | undefined): Integration {
  const hasPlaces = visible === 'list' || visible === 'json';
  return hasPlaces ? { ...QUIET, assertion: { kind: 'whole' } } : { ...QUIET, isLetThrough: true };
}

/** All that this member must assert. */
export function assertionsOf({ assertion, fields, sums }: Integration): Assertion[] {
  return [assertion, fields, sums].filter((one) => one !== undefined);
}
