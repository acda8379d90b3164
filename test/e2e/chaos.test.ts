// A short chaos run on real engines. `./atoll chaos` runs as long as wanted.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reportOf } from '../chaos/report.ts';
import { runChaos } from '../chaos/run.ts';

const MINUTES = 0.5;
const seed = Number(process.env.ATOLL_TEST_SEED ?? 77);

test('faults of all kinds end with the same data everywhere and nothing lost', async (t) => {
  const lines: string[] = [];
  const result = await runChaos({
    minutes: MINUTES,
    seed,
    regions: 3,
    log: (line) => lines.push(line),
  });
  const report = reportOf(result);
  t.diagnostic(`seed ${seed}`);
  for (const line of report) t.diagnostic(line);
  assert.ok(result.ok, [...lines, ...report].join('\n'));
  assert.ok(result.writes > 1_000, `${result.writes} writes`);
  const faults = Object.values(result.faults).reduce((sum, count) => sum + count, 0);
  assert.ok(faults > 3, `${faults} faults`);
});
