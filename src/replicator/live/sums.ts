// Sums of doubles depend on the order in which they are made: where regions made them in another order, who added last
// makes its sum everyone's (docs/decisions/010-rounded-sums-are-no-assigns.md).

import { isInteger } from '../../model/decimal.ts';
import { OpFlag, OpKind, observed } from '../../model/op.ts';
import type { Slot } from '../../model/version-vector.ts';
import type { Assertion } from './assertion.ts';
import type { CellTable } from './cells.ts';
import { commandEffect, type Effect, type ValueClass } from './effect.ts';
import type { LiveOp } from './live-op.ts';

/** Whether what follows from an op of this origin is to be asserted here. */
type IsMine = (origin: Slot | undefined) => boolean;

/** Kinds that take something away. */
export const REMOVALS: ReadonlySet<OpKind> = new Set([
  OpKind.del,
  OpKind.hdel,
  OpKind.srem,
  OpKind.zrem,
  OpKind.zretain,
  OpKind.lpop,
  OpKind.rpop,
  OpKind.ltrim,
  OpKind.lremAt,
]);

/** `op`, not causal, was taken in: the sums that it met, or made different again. */
export function sumsMet(
  table: CellTable,
  op: LiveOp,
  effect: Effect,
  isMine: IsMine,
): Assertion | undefined {
  const isRounding = (op.flags & OpFlag.rounded) !== 0;
  const { rounding } = table;
  // What this member had made equal is not, where this op came first: of two such, the newer tries again.
  const missed =
    rounding !== undefined && isMine(rounding.origin) && !observed(op, rounding)
      ? commandEffect(rounding)
      : undefined;
  // An expiry that came first is in the way of a sum, too.
  const valueClass =
    op.kind === OpKind.expire
      ? missed?.valueClass
      : (isRounding ? commandEffect(op) : effect).valueClass;
  if (valueClass !== 'zset' && valueClass !== 'string') return undefined;
  const touched = effect.cells.map(({ name }) => name);
  let { names, integers } = sumsIn(table, valueClass, touched, isMine);
  if (missed?.valueClass === valueClass) {
    names = [...names, ...missed.cells.map(({ name }) => name)];
    integers = false;
  }
  return names.length > 0 ? { kind: 'cells', valueClass, names, integers } : undefined;
}

/** `op` took something away that stood below them, or beside: what is left is summed up anew, but not where `op` came
 * first. */
export function sumsLeft(
  table: CellTable,
  op: LiveOp,
  effect: Effect,
  isMine: IsMine,
): Assertion | undefined {
  if (!REMOVALS.has(op.kind)) return undefined;
  const valueClass = table.visibleClass();
  if (valueClass !== 'string' && valueClass !== 'zset') return undefined;
  const touched =
    op.kind === OpKind.zrem
      ? effect.cells.map(({ name }) => name)
      : (table.classes.get(valueClass)?.keys() ?? []);
  const { names, integers } = sumsIn(table, valueClass, touched, isMine);
  return names.length > 0 ? { kind: 'cells', valueClass, names, integers } : undefined;
}

/** Which of these cells are sums of doubles to which this member has added last. `integers`: only integers were. */
function sumsIn(
  table: CellTable,
  valueClass: ValueClass,
  cells: Iterable<string>,
  isMine: IsMine,
): { names: string[]; integers: boolean } {
  const names: string[] = [];
  let integers = true;
  for (const name of cells) {
    const cell = table.cell(valueClass, name);
    if (cell === undefined || !cell.isInexact || cell.size < 2) continue;
    if (!isMine(cell.newest?.origin)) continue;
    names.push(name);
    integers &&= cell.increments.every(({ increment = '' }) => isInteger(increment));
  }
  return { names, integers };
}
