// The replicator of a chaos run. It is the replicator itself; SIGUSR2 makes it collect all garbage, so that what it
// holds can be told from what it has not thrown away yet. Where regions have networks of their own
// (networks.ts), it becomes a process of its region's.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { enterNetwork } from './networks.ts';

enterNetwork();
setFlagsFromString('--expose-gc');
const collect: unknown = runInNewContext('gc');
process.on('SIGUSR2', () => {
  if (typeof collect === 'function') collect();
});
await import('../../src/replicator/main.ts');
