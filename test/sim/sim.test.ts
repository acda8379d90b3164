// A sample of simulated worlds, small enough to run with every change: test/slow/sim.test.ts runs many.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertConverges } from './seeds.ts';
import { simulate } from './world.ts';

const FIRST_SEED = 1;
const SEEDS = 150;
const CHANGING_SEEDS = 60;
const STALE_SEEDS = 40;

test(`${SEEDS} simulated groups with faults converge`, (t) => {
  assertConverges(t, FIRST_SEED, SEEDS);
});

test('groups in which a clock jumps by up to an hour converge, and hold what comes from it', () => {
  let holds = 0;
  for (let seed = FIRST_SEED; seed < FIRST_SEED + 40; seed++) {
    holds += simulate({ seed, clockJumps: true }).holds;
  }
  assert.ok(holds > 20, `${holds} times`);
});

test(`${CHANGING_SEEDS} simulated groups whose members change converge`, (t) => {
  assertConverges(t, FIRST_SEED, CHANGING_SEEDS, { membership: true });
});

test('where standbys take the places of engines what they had is everywhere, and nothing else', (t) => {
  assertConverges(t, FIRST_SEED, 30, { standbys: true });
});

test('logs of which much is superseded say all that counts', (t) => {
  assertConverges(t, FIRST_SEED, 60, { assigns: true });
});

test('where backlogs are overrun what was missed is everywhere, and what was taken in is not lost', (t) => {
  assertConverges(t, FIRST_SEED, 25, { overruns: true });
});

test('members for whom too much is kept are done without: what the others have is kept', () => {
  let changes = 0;
  for (let seed = FIRST_SEED; seed < FIRST_SEED + STALE_SEEDS; seed++) {
    changes += simulate({ seed, stale: true }).changes;
  }
  assert.ok(changes > STALE_SEEDS / 2, `${changes} changes`);
});

test('where regions write in turns there is no conflict', () => {
  let writes = 0;
  for (let seed = FIRST_SEED; seed < FIRST_SEED + 25; seed++) {
    const result = simulate({ seed, takeTurns: true, writes: 40 });
    assert.equal(result.conflicts, 0, `seed ${seed}`);
    writes += result.writes;
  }
  assert.ok(writes > 500, `${writes} writes`);
});
