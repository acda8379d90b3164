// Writes to one string of which the outcome depends on the order in which an engine runs them.

import type { CellTable } from './cells.ts';

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
