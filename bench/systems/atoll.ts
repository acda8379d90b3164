// Atoll: two regions on this machine, set up as `atoll local up` does. One writes, one reads.

import { startGroup } from './regions.ts';
import type { RunningSystem, StartOptions } from './system.ts';

const REGIONS = ['eastus', 'westeurope'] as const;

/** Starts the group and returns when its links stand. */
export async function startAtoll(options: StartOptions): Promise<RunningSystem> {
  const { plain } = options;
  const { group, stop } = await startGroup(options, { regions: REGIONS });
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
    stop,
  };
}
