// Three minutes of chaos on real engines, in groups of three and of five. `./atoll chaos` runs as long as wanted.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reportOf } from '../chaos/report.ts';
import { runChaos } from '../chaos/run.ts';
import { TEST_SEED } from '../seed.ts';

for (const { minutes, regions } of [
  { minutes: 2, regions: 3 },
  { minutes: 1, regions: 5 },
]) {
  test(`${regions} regions survive ${minutes} min of faults: the same everywhere, nothing lost`, async (t) => {
    const lines: string[] = [];
    const log = (line: string): void => void lines.push(line);
    const result = await runChaos({ minutes, seed: TEST_SEED, regions, log });
    const report = reportOf(result);
    t.diagnostic(`seed ${TEST_SEED}`);
    for (const line of report) t.diagnostic(line);
    assert.ok(result.ok, [...lines, ...report].join('\n'));
    assert.ok(result.writes > 1_000, `${result.writes} writes`);
    const faults = Object.values(result.faults).reduce((sum, count) => sum + count, 0);
    assert.ok(faults > 3, `${faults} faults`);
  });
}
