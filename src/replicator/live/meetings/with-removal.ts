// A write that comes after a removal that it had not seen.

import { OpKind } from '../../../model/op.ts';
import type { CellTable } from '../cells.ts';
import type { Effect, ValueClass } from '../effect.ts';
import type { LiveOp } from '../live-op.ts';
import { argumentsOf, type Conflict, type ConflictPair, pairOf, sideOf } from './conflict.ts';
import { addsAny, contributes, valueIn } from './in-cells.ts';
import { expirySide } from './in-expiry.ts';
import { structureOf, survivesRemoval } from './in-structures.ts';
import type { RecentWrites, Removal } from './recent-writes.ts';

export function withRemoval(
  op: LiveOp,
  effect: Effect,
  _: CellTable,
  recent: RecentWrites | undefined,
): Conflict | undefined {
  if (recent === undefined || (op.kind !== OpKind.expire && !addsAny(effect))) return undefined;
  const unseen = recent.removalsUnseenBy(op);
  if (unseen.length === 0) return undefined;
  const { valueClass, expiry } = effect;
  if (op.kind === OpKind.expire && expiry !== undefined) return ofExpiry(op, expiry, unseen);
  if (valueClass === undefined) return undefined;
  if (structureOf(valueClass) !== undefined) return ofStructure(op, valueClass, unseen);
  for (const cell of effect.cells) {
    if (!contributes(cell)) continue;
    const removal = unseen.findLast((r) => r.took(valueClass, cell.name));
    if (removal === undefined) continue;
    const pair = (withValues: boolean): ConflictPair => {
      const value = withValues ? valueIn(op, valueClass, cell) : undefined;
      return pairOf(sideOf(op, value), sideOf(removal), true, cell.name);
    };
    return { type: valueClass, rule: 'add survives removal', pair };
  }
  return undefined;
}

function ofExpiry(op: LiveOp, value: number, unseen: readonly Removal[]): Conflict | undefined {
  const removal = unseen.findLast((r) => r.coversKey && !r.isReplaced);
  if (removal === undefined) return undefined;
  const pair = () => pairOf(expirySide({ op, value }), sideOf(removal), true);
  return { type: 'expiry', rule: 'expiry change protects the key', pair };
}

function ofStructure(
  op: LiveOp,
  valueClass: ValueClass,
  unseen: readonly Removal[],
): Conflict | undefined {
  const removal = unseen.findLast((r) => r.coversKey);
  if (removal === undefined) return undefined;
  const survives = survivesRemoval(valueClass, op);
  const pair = (withValues: boolean): ConflictPair => {
    const own = sideOf(op, withValues ? argumentsOf(op) : undefined);
    return pairOf(own, sideOf(removal), survives);
  };
  return { type: valueClass, rule: survives ? 'add survives removal' : 'removal wins', pair };
}
