// A file beside the log that says: a join has begun here, and is not over. Whoever finds it after a crash
// knows that engine and log hold a part of something, and may be wiped.

import { closeSync, existsSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { syncDirectory } from '../log/sync-directory.ts';

const NAME = 'joining';

/** Whether a join into this state directory has begun and not ended. */
export function isJoinUnfinished(stateDir: string): boolean {
  return existsSync(join(stateDir, NAME));
}

/** The join is over: its log has the record of the fork. To be called once that is appended. */
export function joinFinished(stateDir: string): void {
  rmSync(join(stateDir, NAME), { force: true });
  syncDirectory(stateDir);
}

/** A join begins. */
export function markJoin(stateDir: string): void {
  const file = openSync(join(stateDir, NAME), 'w', 0o600);
  try {
    writeSync(file, 'A join has begun here and is not over.\n');
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  syncDirectory(stateDir);
}
