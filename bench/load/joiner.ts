// A member that joins, as a process of its own, as it is in a group.

import { mkdirSync, rmSync } from 'node:fs';
import { pino } from 'pino';
import { joinFrom } from '../../src/replicator/join/join.ts';
import { type JoinResult, joinerOptionsSchema } from './joining.ts';
import { answer, argumentOf } from './process-side.ts';

await answer(async (): Promise<JoinResult> => {
  const { config, donor: donorId } = joinerOptionsSchema.parse(argumentOf(process.argv));
  const donor = config.members.find(({ id }) => id === donorId);
  if (donor === undefined) throw new Error(`no member ${donorId}`);
  mkdirSync(config.stateDir, { recursive: true });
  let bytes = 0;
  const startMs = performance.now();
  const before = process.cpuUsage();
  await joinFrom({
    config,
    donor,
    engine: config.engine,
    logger: pino({ level: 'silent' }),
    onProgress: (progress) => {
      bytes = progress.bytes;
    },
  });
  const seconds = (performance.now() - startMs) / 1000;
  const { user, system } = process.cpuUsage(before);
  rmSync(config.stateDir, { recursive: true, force: true });
  return { kind: 'result', seconds, cpuSeconds: (user + system) / 1e6, bytes };
});
