// A conflict of one write with another, in a value that is more than cells by name.

import { OpKind } from '../../../model/op.ts';
import { isNewer } from '../cell.ts';
import type { Effect } from '../effect.ts';
import type { LiveOp } from '../live-op.ts';
import {
  argumentsOf,
  type Conflict,
  type ConflictPair,
  type ConflictType,
  pairOf,
  type Rule,
  sideOf,
} from './conflict.ts';
import { contributes, valueIn } from './in-cells.ts';

interface Written {
  readonly op: LiveOp;
  readonly effect: Effect;
}

export function over(
  own: Written,
  other: LiveOp,
  type: ConflictType,
  rule: Rule,
  ownWins = isNewer(own.op, other),
): Conflict {
  const pair = (withValues: boolean): ConflictPair => {
    const { op, effect } = own;
    const mine = withValues
      ? valueIn(op, effect.valueClass, effect.cells.find(contributes))
      : undefined;
    const theirs = withValues && other.kind !== OpKind.del ? argumentsOf(other) : undefined;
    return pairOf(sideOf(op, mine), sideOf(other, theirs), ownWins);
  };
  return { type, rule, pair };
}
