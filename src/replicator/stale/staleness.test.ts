import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ReplicaId } from '../../model/version-vector.ts';
import { NOBODY_STALE, Staleness, type StaleState } from './staleness.ts';

/** Members of a group, each with what it has received of the others. */
function group(received: Record<ReplicaId, Record<ReplicaId, number>>, epoch = 1) {
  const ids = Object.keys(received).map(Number);
  const stored = new Map<ReplicaId, StaleState>();
  const make = (
    self: ReplicaId,
    members: readonly ReplicaId[] = ids,
    inEpoch = epoch,
  ): Staleness => {
    const parts = {
      self,
      epoch: inEpoch,
      members,
      received: (origin: ReplicaId) => received[self]?.[origin] ?? 0,
      store: (state: StaleState) => stored.set(self, state),
    };
    const staleness = new Staleness(parts, stored.get(self) ?? NOBODY_STALE);
    staleness.begin();
    return staleness;
  };
  const members = new Map(ids.map((id) => [id, make(id)]));
  const member = (id: ReplicaId): Staleness => members.get(id) as Staleness;
  /** `a` and `b` greet each other. */
  const greet = (a: ReplicaId, b: ReplicaId): void => {
    const [toB, toA] = [member(a).found, member(b).found];
    member(b).heard(a, toB);
    member(a).heard(b, toA);
  };
  return { member, greet, make, stored };
}

test('what one has found all do without, with the last op that any of them has', () => {
  const { member, greet } = group({ 1: { 3: 10 }, 2: { 3: 12 }, 3: {} });
  assert.equal(member(1).find([3]), 'found');
  assert.deepEqual([...member(1).agreed], []);
  assert.deepEqual(member(1).awaited, [2]);
  assert.equal(member(2).heard(1, member(1).found), 'agreed');
  assert.deepEqual([...member(2).agreed], [[3, 12]]);
  greet(1, 2);
  assert.deepEqual([...member(1).agreed], [[3, 12]]);
});

test('who is stale has no say, and learns nothing', () => {
  const { member } = group({ 1: {}, 2: {}, 3: {} });
  member(1).find([3]);
  assert.equal(member(1).heard(3, [[2, 0]]), 'nothing');
  assert.deepEqual(member(1).found, [[3, 0]]);
  assert.equal(member(3).heard(1, member(1).found), 'nothing');
  assert.deepEqual(member(3).found, []);
});

test('the smaller part of a group gives nobody up, nor does the half without the lowest id', () => {
  const three = group({ 1: {}, 2: {}, 3: {} });
  assert.equal(three.member(1).find([2, 3]), 'nothing');
  const two = group({ 1: {}, 2: {} });
  assert.equal(two.member(2).find([1]), 'nothing');
  assert.equal(two.member(1).find([2]), 'agreed');
});

test('it survives a crash, and ends with the membership of the stale one', () => {
  const { member, make } = group({ 1: { 2: 7 }, 2: {} });
  member(1).find([2]);
  const again = make(1);
  assert.deepEqual([...again.agreed], [[2, 7]]);
  assert.equal(again.isStale(2), true);
  assert.equal(make(1, [1, 3]).isStale(2), false);
});

test('when another one goes, what the rest has of a stale one is said anew', () => {
  const received: Record<number, Record<number, number>> = {
    1: { 4: 5 },
    2: { 4: 9 },
    3: { 4: 5 },
    4: {},
  };
  const { member, greet, make } = group(received);
  member(1).find([4]);
  greet(1, 2);
  greet(1, 3);
  greet(2, 3);
  greet(1, 3);
  assert.deepEqual([...member(3).agreed], [[4, 9]]);
  // 2 is lost with the ops that only it had; 3 has got one of them in between.
  received[3] = { 4: 6 };
  const [one, three] = [make(1, [1, 3, 4], 2), make(3, [1, 3, 4], 2)];
  assert.deepEqual(one.found, [[4, 5]]);
  assert.equal(one.heard(3, three.found), 'agreed');
  assert.equal(three.heard(1, one.found), 'agreed');
  assert.deepEqual([[...one.agreed], [...three.agreed]], [[[4, 6]], [[4, 6]]]);
});

test('whoever finds whom, in any order: never do two parts go on without each other', () => {
  const pair = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }));
  const step = fc.record({ kind: fc.constantFrom('find', 'greet', 'greet'), pair });
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 5 }),
      fc.array(step, { maxLength: 60 }),
      (size, steps) => {
        const ids = Array.from({ length: size }, (_, i) => i + 1);
        const received = Object.fromEntries(
          ids.map((id) => [id, Object.fromEntries(ids.map((of) => [of, (id * 7 + of * 3) % 11]))]),
        );
        const { member, greet } = group(received);
        for (const {
          kind,
          pair: [a, b],
        } of steps) {
          if (a === b || a > size || b > size) continue;
          if (kind === 'greet') greet(a, b);
          else member(a).find([b]);
        }
        for (const a of ids) {
          for (const b of ids) {
            assert.ok(!(member(a).agreed.has(b) && member(b).agreed.has(a)), `${a} and ${b}`);
          }
        }
        // Of the same stale ones all who remain say the same.
        for (const a of ids) {
          for (const b of ids) {
            const [of, same] = [[...member(a).agreed], [...member(b).agreed]];
            const isOne = of.map(([id]) => id).join() === same.map(([id]) => id).join();
            const isPart =
              !member(a).isStale(b) &&
              !member(b).isStale(a) &&
              member(a).found.length === of.length;
            if (isOne && isPart && member(b).found.length === same.length)
              assert.deepEqual(of, same);
          }
        }
      },
    ),
    { numRuns: 300 },
  );
});
