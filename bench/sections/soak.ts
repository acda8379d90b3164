// Do the replicators' processes grow under steady load?

import { setTimeout as sleep } from 'node:timers/promises';
import { runLoad } from '../load/run.ts';
import { residentBytes } from '../proc.ts';
import type { Measurement } from '../report.ts';
import { median } from '../statistics.ts';
import type { Context } from './context.ts';
import { growthRows, MEGABYTE } from './memory-growth.ts';
import { pacedLoad, SETS } from './paced-load.ts';

export async function soak(context: Context): Promise<Measurement[]> {
  const { soakMinutes, lag } = context.plan;
  if (soakMinutes === 0 || context.candidate.system.replicatorPids.length === 0) return [];
  context.progress(`soak: ${soakMinutes} minutes at ${lag.writesPerSecond} writes/s`);
  const { writer, replicatorPids } = context.candidate.system;
  const samples: number[] = [];
  const pace = { endpoint: writer, rate: lag.writesPerSecond, seconds: soakMinutes * 60 };
  const load = pacedLoad(SETS, pace);
  let running = true;
  const loading = runLoad(load, context.cleanup).finally(() => {
    running = false;
  });
  const sampling = (async () => {
    while (running) {
      samples.push(residentBytes(replicatorPids) / MEGABYTE);
      await sleep(1000);
    }
  })();
  await Promise.all([loading, sampling]);
  await context.candidate.untilLevel();
  // The first fifth is warming up: caches fill, code is compiled.
  const fifth = Math.ceil(samples.length / 5);
  const early = median(samples.slice(fifth, 2 * fifth));
  const late = median(samples.slice(-fifth));
  return growthRows(
    `both replicators' memory over ${soakMinutes} minutes of steady load`,
    { early: 'after warming up', late: 'at the end' },
    { early, late },
  );
}
