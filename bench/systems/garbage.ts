// Memory that a replicator holds, without what it has not yet thrown away: it collects its garbage on
// a signal. Only replicators that run the script named here know it; any other would end.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** For groups whose memory is measured. */
export const MEASURED_REPLICATOR = join(import.meta.dirname, 'replicator.ts');
/** In its working directory: how often it has collected. */
export const COLLECTIONS_FILE = 'collections';

const COLLECT_MS_MAX = 10_000;
const POLL_MS = 5;

/** Resolves when the replicator with this process and working directory has collected. */
export async function collectGarbage(replicator: { pid: number; dir: string }): Promise<void> {
  const file = join(replicator.dir, COLLECTIONS_FILE);
  const before = collectionsIn(file);
  const deadlineMs = performance.now() + COLLECT_MS_MAX;
  process.kill(replicator.pid, 'SIGUSR2');
  while (collectionsIn(file) === before) {
    if (performance.now() > deadlineMs) throw new Error('a replicator did not collect its garbage');
    await sleep(POLL_MS);
  }
}

function collectionsIn(file: string): number {
  try {
    return Number(readFileSync(file, 'latin1'));
  } catch {
    return 0;
  }
}
