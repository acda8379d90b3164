// What a replicator holds in memory: values and buffers in use, without garbage, and without pages that the
// allocator keeps for later. Only replicators that run the script named here know the signal for it; any
// other would end.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

/** For groups whose memory is measured. */
export const MEASURED_REPLICATOR = join(import.meta.dirname, 'replicator.ts');
/** In its working directory, after the first signal. */
export const HELD_MEMORY_FILE = 'held-memory.json';

const heldMemorySchema = z.strictObject({
  /** How often it has collected garbage: tells a new answer from an old one. */
  collections: z.int(),
  heldBytes: z.number(),
});

export type HeldMemory = z.infer<typeof heldMemorySchema>;

const ANSWER_MS_MAX = 10_000;
const POLL_MS = 5;

/** Asks the replicator with this process and working directory. */
export async function heldBytes(replicator: { pid: number; dir: string }): Promise<number> {
  const file = join(replicator.dir, HELD_MEMORY_FILE);
  const before = read(file)?.collections ?? 0;
  const deadlineMs = performance.now() + ANSWER_MS_MAX;
  process.kill(replicator.pid, 'SIGUSR2');
  for (;;) {
    const held = read(file);
    if (held !== null && held.collections > before) return held.heldBytes;
    if (performance.now() > deadlineMs) {
      throw new Error(`a replicator did not say what it holds within ${ANSWER_MS_MAX / 1000} s`);
    }
    await sleep(POLL_MS);
  }
}

function read(file: string): HeldMemory | null {
  return existsSync(file) ? heldMemorySchema.parse(JSON.parse(readFileSync(file, 'utf8'))) : null;
}
