// Runs simulated worlds as a test: says where it begins, and for a world that fails, how to see it again.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { simulate } from './world.ts';

export function assertConverges(t: TestContext, from: number, seeds: number): void {
  t.diagnostic(`seeds ${from} to ${from + seeds - 1}`);
  const totals = { writes: 0, conflicts: 0, crashes: 0, cuts: 0 };
  for (let seed = from; seed < from + seeds; seed++) {
    try {
      const result = simulate({ seed });
      totals.writes += result.writes;
      totals.conflicts += result.conflicts;
      totals.crashes += result.crashes;
      totals.cuts += result.cuts;
    } catch (error) {
      const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
      const again = `ATOLL_SIM_TRACE=1 ./atoll sim --seeds 1 --from ${seed}`;
      assert.fail(`seed ${seed} failed: ${what}\nAgain: ${again}`);
    }
  }
  t.diagnostic(JSON.stringify(totals));
  // A simulation in which nothing happens proves nothing.
  for (const [what, count] of Object.entries(totals))
    assert.ok(count > seeds / 4, `${what}: ${count}`);
}
