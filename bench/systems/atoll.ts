// Atoll: two regions on this machine, set up as `atoll local up` does. One writes, one reads.

import { LocalGroup } from '../../src/group/local-group.ts';
import type { RunningSystem, StartOptions } from './system.ts';

const REGIONS = ['eastus', 'westeurope'] as const;

/** Starts the group and returns when its links stand. */
export async function startAtoll(options: StartOptions): Promise<RunningSystem> {
  const { dir, engine, plain, cleanup } = options;
  // Unsupervised: a process that dies must end the benchmark, not be replaced by an empty one.
  const starting = LocalGroup.up({ dir, regions: REGIONS, engine, plain, supervise: false });
  // An interrupt may come while the group starts: it is stopped once it is up.
  const forget = cleanup.defer(async () => {
    const group = await starting.catch(() => null);
    await group?.down();
  });
  const group = await starting;
  const [writer, reader] = [group.member(REGIONS[0]), group.member(REGIONS[1])];
  const replicatorPids = [writer.replicatorPid, reader.replicatorPid];
  return {
    name: 'atoll',
    description: `two regions (${REGIONS.join(', ')}), links ${plain ? 'without' : 'with mutual'} TLS`,
    writer: { host: writer.host, port: writer.enginePort },
    reader: { host: reader.host, port: reader.enginePort },
    serverPids: [writer.enginePid, reader.enginePid, ...replicatorPids],
    replicatorPids,
    cut: () => group.cut(...REGIONS),
    heal: () => group.heal(...REGIONS),
    async stop() {
      forget();
      await group.down();
    },
  };
}
