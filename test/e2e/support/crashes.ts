// Faults of replicators themselves: they start again from their logs, so that nothing else may show them.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What replicators of a group's folder died of that is no fault of what surrounds them. */
export function crashesIn(dir: string, regions: readonly string[]): string[] {
  return regions.flatMap((region) => {
    const file = join(dir, region, 'replicator.log');
    if (!existsSync(file)) return [];
    const lines = readFileSync(file, 'utf8').split('\n');
    return lines
      .filter((line) => line.includes('"code":"REPLICATOR_FAILED"'))
      .map((line) => `the replicator of ${region} failed: ${line}`);
  });
}
