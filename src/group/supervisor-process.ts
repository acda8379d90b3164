// Starts the supervisor of a group: detached, its log in a file, found again by its pid and the path of group.json.

import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { groupFile } from './group-file.ts';
import { nodeArguments } from './replicator-process.ts';

const SUPERVISOR_SCRIPT = join(import.meta.dirname, 'supervisor.ts');

/** Returns its pid; 0: it did not start. */
export function startSupervisor(dir: string): number {
  const log = openSync(join(dir, 'supervisor.log'), 'a', 0o600);
  const script = nodeArguments(SUPERVISOR_SCRIPT, '--group', groupFile(dir));
  const child = spawn(process.execPath, script, {
    cwd: dir,
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.on('error', () => {});
  child.unref();
  return child.pid ?? 0;
}
