import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { observed, type Stamp } from './op.ts';
import { covers, lowerTo, Replicas, sameVector, type VersionVector } from './version-vector.ts';

const SIZE = 4;
const vector = fc
  .array(fc.integer({ min: 0, max: 5 }), { minLength: SIZE, maxLength: SIZE })
  .map((seqs) => Float64Array.from(seqs));

function lowered(a: VersionVector, b: VersionVector): VersionVector {
  const copy = a.slice();
  lowerTo(copy, b);
  return copy;
}

test('covering is a partial order', () => {
  fc.assert(
    fc.property(vector, vector, vector, (a, b, c) => {
      assert.ok(covers(a, a));
      if (covers(a, b) && covers(b, a)) assert.ok(sameVector(a, b));
      if (covers(a, b) && covers(b, c)) assert.ok(covers(a, c));
    }),
  );
});

test('lowering gives the greatest vector that both cover', () => {
  fc.assert(
    fc.property(vector, vector, vector, (a, b, c) => {
      const low = lowered(a, b);
      assert.ok(covers(a, low) && covers(b, low));
      if (covers(a, c) && covers(b, c)) assert.ok(covers(low, c));
      assert.ok(sameVector(low, lowered(b, a)));
      assert.ok(sameVector(lowered(low, c), lowered(a, lowered(b, c))));
      assert.ok(sameVector(lowered(a, a), a));
    }),
  );
});

test('vectors travel by replica id, whatever the slots are elsewhere', () => {
  const here = new Replicas([10, 20, 30]);
  const there = new Replicas([30, 10, 20]);
  const vectorHere = Float64Array.from([1, 2, 3]);
  const vectorThere = there.fromEntries(here.toEntries(vectorHere));
  assert.deepEqual([...vectorThere], [3, 1, 2]);
  assert.ok(sameVector(here.fromEntries(there.toEntries(vectorThere)), vectorHere));
});

test('ids that are not known here are left out', () => {
  const replicas = new Replicas([1, 2]);
  assert.deepEqual(
    [
      ...replicas.fromEntries([
        [9, 5],
        [2, 7],
      ]),
    ],
    [0, 7],
  );
  assert.equal(replicas.slotOf(9), undefined);
  assert.throws(() => replicas.idOf(2), /slot 2/);
});

test('an id given twice is a mistake of the caller', () => {
  assert.throws(() => new Replicas([1, 2, 1]), /replica id 1/);
});

test('an op has observed what its deps cover, and all that its origin did before', () => {
  const stamp = (origin: number, seq: number, deps: number[]): Stamp => ({
    origin,
    seq,
    timestamp: 0,
    deps: Float64Array.from(deps),
  });
  const earlier = stamp(0, 3, [0, 0]);
  assert.ok(observed(stamp(1, 1, [3, 0]), earlier));
  assert.ok(!observed(stamp(1, 1, [2, 0]), earlier));
  assert.ok(observed(stamp(0, 4, [0, 0]), earlier));
  assert.ok(!observed(earlier, earlier));
});
