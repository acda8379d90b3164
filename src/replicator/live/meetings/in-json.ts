// Writes that meet in a JSON document: at one place, or one within what the other replaced or removed.

import type { CellTable } from '../cells.ts';
import type { Effect } from '../effect.ts';
import { type JsonChange, jsonChangeOf } from '../json/json-op.ts';
import { isWithin, type Path } from '../json/json-path.ts';
import type { LiveOp } from '../live-op.ts';
import type { Conflict, Rule } from './conflict.ts';
import { over } from './over.ts';

/** Ops that are looked at for one op. */
const OPS_MAX = 64;

export function inJson(op: LiveOp, effect: Effect, table: CellTable): Conflict | undefined {
  const own = jsonChangeOf(op);
  let looked = 0;
  for (const other of table.json?.unseenBy(op) ?? []) {
    if (++looked > OPS_MAX) return undefined;
    const met = meetingOf(op, own, other, jsonChangeOf(other));
    if (met !== undefined) return over({ op, effect }, other, 'json', met.rule, met.ownWins);
  }
  return undefined;
}

interface Met {
  readonly rule: Rule;
  /** Undefined: the newer one, where both count. */
  readonly ownWins: boolean | undefined;
}

function meetingOf(
  op: LiveOp,
  own: JsonChange,
  other: LiveOp,
  theirs: JsonChange,
): Met | undefined {
  if (!isSamePath(own.path, theirs.path)) {
    if (replaces(own) && isWithin(theirs.path, own.path)) {
      return { rule: 'removal wins', ownWins: true };
    }
    const isGone = replaces(theirs) && isWithin(own.path, theirs.path);
    return isGone ? { rule: 'removal wins', ownWins: false } : undefined;
  }
  const kinds = [own.kind, theirs.kind];
  const are = (...wanted: JsonChange['kind'][]) => kinds.every((kind) => wanted.includes(kind));
  if (are('assign')) {
    return { rule: 'smallest replica wins', ownWins: op.origin < other.origin };
  }
  if (are('insert')) return { rule: 'all elements are kept', ownWins: undefined };
  if (are('add', 'assign')) return { rule: 'increments add up', ownWins: undefined };
  if (are('assign', 'delete') && !are('delete')) {
    return { rule: 'add survives removal', ownWins: own.kind === 'assign' };
  }
  return undefined;
}

function replaces({ kind }: JsonChange): boolean {
  return kind === 'assign' || kind === 'delete';
}

function isSamePath(a: Path, b: Path): boolean {
  return a.length === b.length && isWithin(a, b);
}
