// Takes a demo away: a process of its own that waits until the demo closes its end of a pipe, which also happens when
// that is killed. Then it ends what still runs in the demo's folder, and removes the folder.

import { rmSync } from 'node:fs';
import { basename } from 'node:path';
import { processesWith, stopProcess } from '../../engine/pid.ts';
import { FOLDER_PREFIX } from './folder.ts';

const STOP_GRACE_MS = 5_000;
const ROUNDS_MAX = 10;

const [dir = ''] = process.argv.slice(2);
if (!basename(dir).startsWith(FOLDER_PREFIX)) throw new Error(`${dir} is no folder of a demo`);

// Whoever started it may be gone, and its terminal with it.
for (const name of ['SIGINT', 'SIGHUP', 'SIGTERM'] as const) process.on(name, () => {});
process.stdin.resume();
process.stdin.once('close', () => void remove());

async function remove(): Promise<void> {
  for (let round = 0; round < ROUNDS_MAX; round++) {
    // Those who would start the others anew go first.
    await stopAll(`--group ${dir}/`);
    if ((await stopAll(`${dir}/`)) === 0) break;
  }
  rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  process.exit(0);
}

/** How many there were. */
async function stopAll(marker: string): Promise<number> {
  const running = processesWith(marker);
  await Promise.all(running.map((one) => stopProcess(one, STOP_GRACE_MS)));
  return running.length;
}
