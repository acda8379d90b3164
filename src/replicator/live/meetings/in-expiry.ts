// Changes of the expiry that meet each other, or a removal of the key.

import { observed } from '../../../model/op.ts';
import { isNewer } from '../cell.ts';
import type { CellTable, ExpiryContribution } from '../cells.ts';
import type { Effect } from '../effect.ts';
import type { LiveOp } from '../live-op.ts';
import { type Conflict, type ConflictSide, pairOf, sideOf } from './conflict.ts';

/** The key is to be removed, by someone who had not seen that its expiry was changed. */
export function withProtection(op: LiveOp, _: Effect, table: CellTable): Conflict | undefined {
  const [protector] = table.protectorsAgainst(op);
  if (protector === undefined) return undefined;
  const pair = () => pairOf(sideOf(op), expirySide(protector), false);
  return { type: 'expiry', rule: 'expiry change protects the key', pair };
}

export function inExpiry(op: LiveOp, effect: Effect, table: CellTable): Conflict | undefined {
  const { expiry } = effect;
  if (expiry === undefined) return undefined;
  // Where both say the same nobody loses; so it often is of what members assert because of a conflict.
  const [first, ...more] = table.expiry.filter((e) => e.value !== expiry && !observed(op, e.op));
  if (first === undefined) return undefined;
  const pair = () => {
    const mine = { op, value: expiry };
    const theirs = more.reduce((a, b) => (isLonger(b, a) ? b : a), first);
    return pairOf(expirySide(mine), expirySide(theirs), isLonger(mine, theirs));
  };
  return { type: 'expiry', rule: 'longest expiry wins', pair };
}

/** A time to live is no secret of clients: it is told also where values are not. */
export function expirySide({ op, value }: ExpiryContribution): ConflictSide {
  return sideOf(op, Number.isFinite(value) ? String(value) : 'none');
}

function isLonger(a: ExpiryContribution, b: ExpiryContribution): boolean {
  return a.value === b.value ? isNewer(a.op, b.op) : a.value > b.value;
}
