// What a list op says, read from its command: pure decoding. Counts are exact, unless the op says that its
// origin did not know how long the list was.

import { LIST_KINDS, OpFlag, OpKind } from '../../../model/op.ts';
import type { LiveOp } from '../live-op.ts';

export type ListChange =
  | { readonly kind: 'push'; readonly end: 'head' | 'tail'; readonly values: readonly string[] }
  /** Removes so many elements at each end. */
  | { readonly kind: 'trim'; readonly head: number; readonly tail: number }
  /** Keeps what LTRIM keeps of the list as the origin saw it. */
  | { readonly kind: 'keep'; readonly start: number; readonly stop: number }
  | { readonly kind: 'assign'; readonly at: number; readonly value: string }
  | { readonly kind: 'remove'; readonly at: readonly number[] }
  | {
      readonly kind: 'insert';
      readonly at: number;
      readonly side: 'before' | 'after';
      readonly value: string;
    };

/** Decodes an op of one of LIST_KINDS. */
export function listChangeOf(op: LiveOp): ListChange {
  const args = op.args();
  switch (op.kind) {
    case OpKind.rpush:
      return { kind: 'push', end: 'tail', values: args.slice(2) };
    case OpKind.lpush:
      return { kind: 'push', end: 'head', values: args.slice(2) };
    case OpKind.lpop:
      return { kind: 'trim', head: Number(args[2] ?? 1), tail: 0 };
    case OpKind.rpop:
      return { kind: 'trim', head: 0, tail: Number(args[2] ?? 1) };
    case OpKind.ltrim:
      if ((op.flags & OpFlag.asGiven) !== 0) {
        return { kind: 'keep', start: Number(args[2]), stop: Number(args[3]) };
      }
      return { kind: 'trim', head: Number(args[2]), tail: -1 - Number(args[3]) };
    case OpKind.lset:
      return { kind: 'assign', at: Number(args[2]), value: args[3] as string };
    case OpKind.lremAt:
      return { kind: 'remove', at: args.slice(2).map(Number) };
    case OpKind.linsertAt:
      return {
        kind: 'insert',
        side: args[2] === 'BEFORE' ? 'before' : 'after',
        at: Number(args[3]),
        value: args[4] as string,
      };
    default:
      throw new Error(`an op of kind ${op.kind} does not write to a list`);
  }
}

/** By how much a change makes the list longer. */
export function growthOf(change: Exclude<ListChange, { kind: 'keep' }>): number {
  switch (change.kind) {
    case 'push':
      return change.values.length;
    case 'trim':
      return -change.head - change.tail;
    case 'assign':
      return 0;
    case 'remove':
      return -change.at.length;
    case 'insert':
      return 1;
  }
}

/** How long a list is after an op that met nothing concurrent; undefined when it is no list any more. */
export function lengthAfter(op: LiveOp, before: number): number | undefined {
  if (!LIST_KINDS.has(op.kind)) return undefined;
  const change = listChangeOf(op);
  if (change.kind !== 'keep') return Math.max(0, before + growthOf(change));
  const { head, tail } = trimmed(before, change.start, change.stop);
  return before - head - tail;
}

/** How long the list was before an op, told from how long it was after it; undefined when it cannot be. */
export function lengthBefore(op: LiveOp, after: number): number | undefined {
  const change = listChangeOf(op);
  if (change.kind === 'keep') {
    const { start, stop } = change;
    if (start < 0 || after <= 0) return undefined;
    // Counted from both ends, or shorter than the range: what is left tells what was there.
    if (stop < 0) return after + start - 1 - stop;
    return after < stop - start + 1 ? after + start : undefined;
  }
  // A pop that left nothing may have been for more than there was.
  if ((op.flags & OpFlag.asGiven) !== 0 && after <= 0) return undefined;
  return after - growthOf(change);
}

/** How many elements LTRIM takes off each end of a list of this length. */
export function trimmed(
  length: number,
  startGiven: number,
  stopGiven: number,
): { head: number; tail: number } {
  const start = startGiven < 0 ? Math.max(0, length + startGiven) : startGiven;
  const stop = stopGiven < 0 ? length + stopGiven : stopGiven;
  if (start > stop || start >= length) return { head: length, tail: 0 };
  return { head: start, tail: length - 1 - Math.min(stop, length - 1) };
}
