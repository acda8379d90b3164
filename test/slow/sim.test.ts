// Many simulated worlds, on all cores. Each seed is a world of its own; what fails is printed with the command that
// shows it again.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { reportSchema } from '../sim/run.ts';

const FIRST_SEED = 1;
const SEEDS = 1000;
const CHANGING_SEEDS = 400;
const MAIN = join(import.meta.dirname, '../../src/cli/main.ts');

/** What the command prints. */
function runSeeds(seeds: number, options: readonly string[]): Promise<string> {
  const args = ['sim', '--json', '--seeds', String(seeds), '--from', String(FIRST_SEED)];
  return new Promise((resolve, reject) => {
    const node = ['--disable-warning=ExperimentalWarning', MAIN, ...args, ...options];
    execFile(process.execPath, node, (error, stdout, stderr) => {
      if (stdout === '') reject(error ?? new Error(`the simulation says: ${stderr}`));
      else resolve(stdout);
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
  const lines = (await runSeeds(expected, options)).trimEnd().split('\n');
  t.diagnostic(lines.at(-1) ?? '');
  let [seeds, conflicts] = [0, 0];
  for (const line of lines) {
    const report = reportSchema.parse(JSON.parse(line));
    if ('failed' in report) assert.fail(`${report.message}\nAgain: ${report.again}`);
    seeds += report.seeds;
    conflicts += report.conflicts;
  }
  assert.equal(seeds, expected);
  assert.ok(conflicts > expected, 'a simulation in which nothing happens proves nothing');
}
