// A folder that only one process may use at a time: a file in it names the process that has it. That of a process
// which is gone is taken over.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { isRunning, thisProcess } from './pid.ts';

const ownerSchema = z.object({ pid: z.int(), marker: z.string().min(1) });

/** Returns the id of the process that has the folder; null: it is this one's now. */
export function takeFolder(lockFile: string): number | null {
  if (existsSync(lockFile)) {
    const owner = ownerSchema.safeParse(JSON.parse(readFileSync(lockFile, 'utf8')));
    const isOther = owner.success && owner.data.pid !== process.pid;
    if (isOther && isRunning(owner.data)) return owner.data.pid;
  }
  writeFileSync(lockFile, JSON.stringify(thisProcess()), { mode: 0o600 });
  return null;
}
