// The replicator, with a bell for measuring its memory: on SIGUSR2 it collects all garbage and then writes
// down what it still holds. See held-memory.ts for who rings.

import { renameSync, writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { HELD_MEMORY_FILE, type HeldMemory } from './held-memory.ts';

setFlagsFromString('--expose-gc');
const collect: NodeJS.GCFunction = runInNewContext('gc');
let collections = 0;

process.on('SIGUSR2', () => {
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  collections += 1;
  const { heapUsed, external } = process.memoryUsage();
  const held: HeldMemory = { collections, heldBytes: heapUsed + external };
  // Readers see the old file or the new one.
  writeFileSync(`${HELD_MEMORY_FILE}.new`, JSON.stringify(held));
  renameSync(`${HELD_MEMORY_FILE}.new`, HELD_MEMORY_FILE);
});

await import('../../src/replicator/main.ts');
