// Stock replication: a primary with one native replica, the measure for everything else.

import { setTimeout as sleep } from 'node:timers/promises';
import { connectControl, infoText } from '../control.ts';
import { startEngine } from './engine-process.ts';
import type { RunningSystem, StartOptions } from './system.ts';

/** Starts primary and replica and returns when the replica is in step. */
export async function startStock(options: StartOptions): Promise<RunningSystem> {
  const { engine, dir, cleanup } = options;
  const common = { engine, dir, cleanup };
  const primary = await startEngine({ ...common, name: 'primary' });
  const replica = await startEngine({ ...common, name: 'replica', primary });
  const control = await connectControl(replica);
  try {
    while (infoText(await control.info('replication'), 'master_link_status') !== 'up') {
      await sleep(20);
    }
  } finally {
    control.disconnect();
  }
  return {
    name: 'stock',
    description: 'a primary with one native replica',
    writer: { host: primary.host, port: primary.port },
    reader: { host: replica.host, port: replica.port },
    serverPids: [primary.pid, replica.pid],
    replicatorPids: [],
    // A stopped process keeps its connections, like a partition.
    async cut() {
      process.kill(replica.pid, 'SIGSTOP');
    },
    async heal() {
      process.kill(replica.pid, 'SIGCONT');
    },
    async stop() {
      await replica.stop();
      await primary.stop();
    },
  };
}
