// Sums of doubles depend on their order: the newest writer's sum is made everyone's.

import { isInteger } from '../../model/decimal.ts';
import { OpFlag, observed } from '../../model/op.ts';
import type { Slot } from '../../model/version-vector.ts';
import type { CellTable } from './cells.ts';
import { commandEffect, type Effect } from './effect.ts';
import type { Assertion } from './live-index.ts';
import type { LiveOp } from './live-op.ts';

/** What is to be asserted of sums in the table that `op`, of another member, has changed. `isMine`: what
 * follows from ops of this origin is asserted here. */
export function roundingAssertion(
  table: CellTable,
  op: LiveOp,
  effect: Effect,
  isMine: (origin: Slot | undefined) => boolean,
): Assertion | undefined {
  const isRounding = (op.flags & OpFlag.rounded) !== 0;
  const valueClass = isRounding ? commandEffect(op).valueClass : effect.valueClass;
  if (valueClass !== 'zset' && valueClass !== 'string') return undefined;
  const names: string[] = [];
  let integers = true;
  for (const { name } of effect.cells) {
    const cell = table.cell(valueClass, name);
    if (cell === undefined || !cell.isInexact || cell.size < 2) continue;
    if (!isMine(cell.newest?.origin)) continue;
    names.push(name);
    integers &&= cell.increments.every(({ increment = '' }) => isInteger(increment));
  }
  // What this member had made equal is not, where this op came first: of two such, the newer tries again.
  const rounding = table.rounding;
  if (rounding !== undefined && isMine(rounding.origin) && !observed(op, rounding)) {
    for (const { name } of commandEffect(rounding).cells) names.push(name);
    integers = false;
  }
  return names.length > 0 ? { kind: 'cells', valueClass, names, integers } : undefined;
}
