// Many simulated worlds. Each seed is a world of its own, so they are shared out to processes; each is the
// command with which a failure is seen again.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { z } from 'zod';

const FIRST_SEED = 1;
const SEEDS = 1000;
const CHANGING_SEEDS = 400;
const PROCESSES = 2;
const MAIN = join(import.meta.dirname, '../../src/cli/main.ts');

const reportSchema = z.union([
  z.object({ seeds: z.number(), writes: z.number(), conflicts: z.number(), seconds: z.number() }),
  z.object({ failed: z.number(), message: z.string(), again: z.string() }),
]);

function runSeeds(
  from: number,
  seeds: number,
  options: readonly string[],
): Promise<z.infer<typeof reportSchema>> {
  const args = ['sim', '--json', '--seeds', String(seeds), '--from', String(from), ...options];
  return new Promise((resolve, reject) => {
    const node = ['--disable-warning=ExperimentalWarning', MAIN, ...args];
    execFile(process.execPath, node, (error, stdout, stderr) => {
      try {
        resolve(reportSchema.parse(JSON.parse(stdout)));
      } catch {
        reject(error ?? new Error(`the simulation says: ${stdout}${stderr}`));
      }
    });
  });
}

test(`${SEEDS} simulated groups with faults converge`, (t) => assertConverge(t, SEEDS));

test(`${CHANGING_SEEDS} simulated groups whose members change converge`, (t) =>
  assertConverge(t, CHANGING_SEEDS, '--membership'));

async function assertConverge(
  t: TestContext,
  expected: number,
  ...options: string[]
): Promise<void> {
  t.diagnostic(`seeds ${FIRST_SEED} to ${FIRST_SEED + expected - 1}`);
  const share = expected / PROCESSES;
  const reports = await Promise.all(
    Array.from({ length: PROCESSES }, (_, i) => runSeeds(FIRST_SEED + i * share, share, options)),
  );
  let [seeds, conflicts] = [0, 0];
  for (const report of reports) {
    if ('failed' in report) assert.fail(`${report.message}\nAgain: ${report.again}`);
    t.diagnostic(JSON.stringify(report));
    seeds += report.seeds;
    conflicts += report.conflicts;
  }
  assert.equal(seeds, expected);
  assert.ok(conflicts > expected, 'a simulation in which nothing happens proves nothing');
}
