// The conflict of an op with what it had not observed. To tell of another kind of value: its rules go into
// RULES (conflict.ts), a structure of its own into STRUCTURES (in-structures.ts), anything else into MEETINGS.

import type { CellTable } from '../cells.ts';
import type { Effect } from '../effect.ts';
import type { LiveOp } from '../live-op.ts';
import type { Conflict, Meeting } from './conflict.ts';
import { inCells } from './in-cells.ts';
import { inExpiry, withProtection } from './in-expiry.ts';
import { inStructures } from './in-structures.ts';
import type { RecentWrites } from './recent-writes.ts';
import { withRemoval } from './with-removal.ts';

/** The first that finds something tells what it is. */
const MEETINGS: readonly Meeting[] = [withProtection, inStructures, inCells, inExpiry, withRemoval];

/** Undefined when there is none. Looks at the table before `op` changes it. */
export function conflictOf(
  op: LiveOp,
  effect: Effect,
  table: CellTable,
  recent: RecentWrites | undefined,
): Conflict | undefined {
  for (const meeting of MEETINGS) {
    const conflict = meeting(op, effect, table, recent);
    if (conflict !== undefined) return conflict;
  }
  return undefined;
}
