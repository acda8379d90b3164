// What is said of two concurrent writes that met: in words for operators. Nothing is decided here; the table of
// cells and resolve/ do that, from the same facts.

import type { Timestamp } from '../../../model/clock.ts';
import type { Stamp } from '../../../model/op.ts';
import type { Slot } from '../../../model/version-vector.ts';
import type { CellTable } from '../cells.ts';
import type { Effect, ValueClass } from '../effect.ts';
import type { LiveOp } from '../live-op.ts';
import type { RecentWrites } from './recent-writes.ts';

/** What becomes of the two writes, by rule. */
export const RULES = {
  'newest assign wins': 'one wins',
  'increments add up': 'both count',
  'adds agree': 'both count',
  'smallest replica wins': 'one wins',
  'add survives removal': 'one wins',
  'removal wins': 'one wins',
  'all elements are kept': 'both count',
  'same element taken twice': 'both count',
  'the entry moves to the next free ID': 'both count',
  'newest type shows': 'one wins',
  'newest whole value wins': 'one wins',
  'longest expiry wins': 'one wins',
  'expiry change protects the key': 'one wins',
} as const satisfies Record<string, 'one wins' | 'both count'>;

export type Rule = keyof typeof RULES;

/** `mixed`: two types on one key. */
export type ConflictType = ValueClass | 'expiry' | 'mixed';

/** One of two writes. */
export interface ConflictSide {
  readonly origin: Slot;
  readonly seq: number;
  readonly timestamp: Timestamp;
  /** Name of its command. */
  readonly command: string;
  /** Size of its command. */
  readonly bytes: number;
  /** Latin1: what it assigned or added; undefined for removals. */
  readonly value: string | undefined;
}

export interface ConflictPair {
  /** Where both count: the newer one. */
  readonly winner: ConflictSide;
  readonly loser: ConflictSide;
  /** The cell in which they met: a field or member. */
  readonly cell: string | undefined;
}

export interface Conflict {
  readonly type: ConflictType;
  readonly rule: Rule;
  /** Only as long as the table is as it was. Without values nothing that clients wrote is decoded. */
  pair(withValues: boolean): ConflictPair;
}

/**
 * Finds out whether an op meets what it had not observed: from the op, what it does, and the key before the
 * op changes it. Must be quick: where two regions write one hot key it is asked for every op. What takes
 * longer belongs in `pair`, which is called for a sample only.
 */
export type Meeting = (
  op: LiveOp,
  effect: Effect,
  table: CellTable,
  recent: RecentWrites | undefined,
) => Conflict | undefined;

/** What can be told of a write whose op is gone, too. */
type Write = Stamp & Pick<ConflictSide, 'command' | 'bytes'>;

export function sideOf(write: Write, value?: string): ConflictSide {
  const { origin, seq, timestamp, command, bytes } = write;
  return { origin, seq, timestamp, command, bytes, value };
}

/** What the command says besides its key. */
export function argumentsOf(op: LiveOp): string | undefined {
  const text = op.args().slice(2).join(' ');
  return text === '' ? undefined : text;
}

export function pairOf(
  own: ConflictSide,
  other: ConflictSide,
  ownWins: boolean,
  cell?: string,
): ConflictPair {
  const [winner, loser] = ownWins ? [own, other] : [other, own];
  return { winner, loser, cell: cell === '' ? undefined : cell };
}
