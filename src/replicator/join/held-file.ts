// The file with what the engine of a member held before it was wiped: a snapshot beside the log, there until
// the member has joined again.

import { rmSync } from 'node:fs';
import { join } from 'node:path';

const NAME = 'held.rdb';

/** Where it is, in the state directory of a member. */
export function heldSnapshotFile(stateDir: string): string {
  return join(stateDir, NAME);
}

/** Nobody needs it any more. */
export function dropHeldSnapshot(stateDir: string): void {
  rmSync(heldSnapshotFile(stateDir), { force: true });
}
