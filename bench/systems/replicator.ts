// The replicator, with a bell for measuring its memory: on SIGUSR2 it collects all garbage and then counts
// that in a file. See garbage.ts for who rings.

import { writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { COLLECTIONS_FILE } from './garbage.ts';

setFlagsFromString('--expose-gc');
const collect: NodeJS.GCFunction = runInNewContext('gc');
let collections = 0;

process.on('SIGUSR2', () => {
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  collections += 1;
  writeFileSync(COLLECTIONS_FILE, String(collections));
});

await import('../../src/replicator/main.ts');
