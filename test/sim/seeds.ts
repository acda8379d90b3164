// Runs simulated worlds as a test: says where it begins, and for a world that fails, how to see it again.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { againCommand, type WorldKind } from './run.ts';
import { simulate } from './world.ts';

const TOLD = [
  'writes',
  'conflicts',
  'crashes',
  'cuts',
  'superseded',
  'changes',
  'promotions',
  'lostWrites',
  'overruns',
] as const;

export function assertConverges(
  t: TestContext,
  from: number,
  seeds: number,
  kind: WorldKind = {},
): void {
  t.diagnostic(`seeds ${from} to ${from + seeds - 1}`);
  const totals: Record<string, number> = {
    writes: 0,
    conflicts: 0,
    crashes: 0,
    cuts: 0,
  };
  if (kind.assigns) totals.superseded = 0;
  if (kind.membership) totals.changes = 0;
  if (kind.overruns) totals.overruns = 0;
  if (kind.standbys) Object.assign(totals, { promotions: 0, lostWrites: 0 });
  for (let seed = from; seed < from + seeds; seed++) {
    try {
      const result = simulate({ seed, ...kind });
      for (const what of TOLD) {
        if (totals[what] !== undefined) totals[what] += result[what];
      }
    } catch (error) {
      const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
      assert.fail(`seed ${seed} failed: ${what}\nAgain: ${againCommand(seed, kind)}`);
    }
  }
  t.diagnostic(JSON.stringify(totals));
  // A simulation in which nothing happens proves nothing.
  for (const [what, count] of Object.entries(totals))
    assert.ok(count > seeds / 4, `${what}: ${count}`);
}
