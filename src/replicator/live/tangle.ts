// Writes to one string of which the outcome depends on the order in which an engine runs them.

import type { Slot } from '../../model/version-vector.ts';
import type { CellTable } from './cells.ts';
import type { ValueClass } from './effect.ts';

/**
 * Whether increments have met bits, or either of them a write without a rule, with no assignment below.
 * Then nobody can work out what shows: the origin of the newest asserts what it made of them.
 */
export function isTangled(table: CellTable): boolean {
  const cells = table.classes.get('string');
  if (cells === undefined) return false;
  const text = cells.get('');
  const hasBits = cells.size > (text === undefined ? 0 : 1);
  if (hasBits && (text?.increments.length ?? 0) > 0) return true;
  return (text?.assigns.length ?? 0) === 0 && table.holdsUnknown;
}

/** Who alone can tell what shows of a key; undefined: what is known of it tells. */
export function tellerOf(table: CellTable, visible: ValueClass | undefined): Slot | undefined {
  if (visible === 'string' && isTangled(table)) return table.newestOp(visible)?.origin;
  const opaque = visible === 'opaque' ? table.opaque : undefined;
  return opaque?.assign === undefined ? opaque?.op.origin : undefined;
}
