// What a list op says, read from its command: pure decoding. Counts are exact: the origin never ships a
// pop of more elements than it had.

import { OpKind } from '../../../model/op.ts';
import type { LiveOp } from '../live-op.ts';

export type ListChange =
  | { readonly kind: 'push'; readonly end: 'head' | 'tail'; readonly values: readonly string[] }
  /** Removes so many elements at each end. */
  | { readonly kind: 'trim'; readonly head: number; readonly tail: number }
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
export function growthOf(change: ListChange): number {
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
