import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Replicas, type Slot, type VersionEntries } from '../model/version-vector.ts';
import { Stability } from './stability.ts';

const SELF = 0;
const [SECOND, THIRD] = [1, 2];

function group(gone: ReadonlyMap<Slot, number> = new Map()): Stability {
  const replicas = new Replicas([1, 2, 3]);
  return new Stability(replicas, SELF, replicas.emptyVector(), gone);
}

const entries = (a: number, b: number, c: number): VersionEntries => [
  [1, a],
  [2, b],
  [3, c],
];
const vector = (...seqs: number[]) => Float64Array.from(seqs);

test('an op is stable when every member has said that it is visible there', () => {
  const stability = group();
  const visible = vector(5, 0, 0);
  stability.advance(visible);
  stability.stated(SECOND, entries(5, 0, 0));
  assert.ok(!stability.advance(visible));
  stability.stated(THIRD, entries(3, 0, 0));
  assert.ok(stability.advance(visible));
  assert.deepEqual([...stability.frontier], [3, 0, 0]);
});

test('what others have and this member has not is not stable here', () => {
  const stability = group();
  for (const slot of [SECOND, THIRD]) stability.stated(slot, entries(0, 0, 9));
  stability.advance(vector(0, 0, 4));
  assert.deepEqual([...stability.frontier], [0, 0, 4]);
  assert.deepEqual([...stability.known(SECOND)], [0, 0, 9]);
});

test('a member has its own ops without saying so', () => {
  const stability = group();
  stability.stated(SECOND, entries(0, 0, 3));
  stability.advance(vector(0, 0, 3));
  assert.deepEqual([...stability.frontier], [0, 0, 3]);
});

test('a statement counts only once what its member had written by then is visible here', () => {
  const stability = group();
  stability.stated(THIRD, entries(5, 0, 0));
  stability.stated(SECOND, entries(5, 2, 0));
  stability.advance(vector(5, 1, 0));
  assert.equal(stability.frontier[SELF], 0);
  assert.ok(stability.advance(vector(5, 2, 0)));
  assert.equal(stability.frontier[SELF], 5);
});

test('later statements do not overtake one that waits', () => {
  const stability = group();
  stability.stated(THIRD, entries(9, 0, 0));
  stability.stated(SECOND, entries(5, 2, 0));
  stability.stated(SECOND, entries(7, 3, 0));
  stability.advance(vector(9, 2, 0));
  assert.equal(stability.frontier[SELF], 5);
  stability.advance(vector(9, 3, 0));
  assert.equal(stability.frontier[SELF], 7);
});

test('a member that states much while its ops are on their way takes bounded room, and nothing is lost', () => {
  const stability = group();
  for (let i = 1; i <= 1000; i++) stability.stated(SECOND, entries(i, i, 0));
  stability.stated(THIRD, entries(1000, 1000, 0));
  stability.advance(vector(1000, 1000, 0));
  assert.deepEqual([...stability.frontier], [1000, 1000, 0]);
});

test('nobody waits for a member that is gone, but for what it wrote', () => {
  const stability = group(new Map([[THIRD, 4]]));
  stability.stated(SECOND, entries(9, 0, 4));
  stability.advance(vector(9, 0, 3));
  // The fourth op of the third member is still to come, and may have seen nothing.
  assert.deepEqual([...stability.frontier], [0, 0, 3]);
  assert.ok(stability.advance(vector(9, 0, 4)));
  assert.deepEqual([...stability.frontier], [9, 0, 4]);
});

test('the frontier never goes back, and never beyond what anyone has said', () => {
  const seq = fc.integer({ min: 0, max: 6 });
  const step = fc.record({ slot: fc.constantFrom(SECOND, THIRD), said: fc.tuple(seq, seq, seq) });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 20 }),
      fc.array(fc.tuple(seq, seq, seq)),
      (steps, seen) => {
        const stability = group();
        const visible = vector(0, 0, 0);
        const said = new Map([SECOND, THIRD].map((slot) => [slot, vector(0, 0, 0)]));
        steps.forEach((step, i) => {
          const most = said.get(step.slot) as Float64Array;
          step.said.forEach((value, s) => {
            most[s] = Math.max(most[s] as number, value);
          });
          stability.stated(
            step.slot,
            entries(most[0] as number, most[1] as number, most[2] as number),
          );
          (seen[i] ?? []).forEach((value, s) => {
            visible[s] = Math.max(visible[s] as number, value);
          });
          const before = stability.frontier.slice();
          const rose = stability.advance(visible);
          assert.equal(
            rose,
            stability.frontier.some((value, s) => value !== before[s]),
          );
          stability.frontier.forEach((value, s) => {
            assert.ok(value >= (before[s] as number));
            assert.ok(value <= (visible[s] as number));
            for (const [slot, vectorSaid] of said) {
              if (slot !== s) assert.ok(value <= (vectorSaid[s] as number));
            }
          });
        });
      },
    ),
  );
});
