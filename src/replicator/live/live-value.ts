// A value that is more than cells by name (a list, for one), as far as live ops tell about it. A CellTable
// holds one for each such class; it removes what an op had observed and adds what the op brings.

import type { LiveOp } from './live-op.ts';

/** Classes of values that keep a structure of their own. */
export type StructuredClass = 'list' | 'hyperloglog' | 'stream' | 'json';

/** What the engine was asked of a key before a concurrent op on it was decided. */
export interface Measurement {
  /** Elements of a list; 0 for what is none. */
  readonly length?: number | undefined;
  /** A JSON document; null for what is none. */
  readonly document?: string | null | undefined;
}

export interface LiveValue {
  /** Something of it shows, as far as is known here. */
  readonly isAlive: boolean;
  /** The newest op of which something shows; undefined when only what came before the live ops does. */
  readonly newest: LiveOp | undefined;
  /** Changes whenever what shows changes: a count of the parts that show. */
  readonly size: number;
  /** Whether an op wrote to it that this one had not observed. */
  hasUnobserved(op: LiveOp): boolean;
  /** Takes in an op that writes to it. `isBeaten`: a removal of the key that it had not observed beats it, where the
   * type has it so. */
  integrate(op: LiveOp, isBeaten: boolean): void;
  /** `op` replaces the key, removes it, or writes another type: what it had observed is gone. `isHeldBack`: the
   * engine does not show that yet. */
  removeObserved(op: LiveOp, isHeldBack: boolean): void;
  /** Whatever was held back is so no longer. */
  heldBackIsOver?(): void;
  /** Forgets what is stable. Returns how much stays: 0 when the engine's plain value is all there is. */
  prune(stable: (op: Pick<LiveOp, 'origin' | 'seq'>) => boolean): number;
  /** A copy that shares nothing that changes. */
  clone(): LiveValue;
}
