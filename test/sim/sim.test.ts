// A sample of simulated worlds, small enough to run with every change: test/slow/sim.test.ts runs many.

import { test } from 'node:test';
import { assertConverges } from './seeds.ts';

const FIRST_SEED = 1;
const SEEDS = 150;

test(`${SEEDS} simulated groups with faults converge`, (t) => {
  assertConverges(t, FIRST_SEED, SEEDS);
});
