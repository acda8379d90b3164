import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CellTable } from '../cells.ts';
import { effectOf } from '../effect.ts';
import { KeyEntry } from '../key-entry.ts';
import { LiveIndex } from '../live-index.ts';
import type { LiveOp } from '../live-op.ts';
import { received, type TestOrigin, testOrigins } from '../ops.fixture.ts';

function three(): [TestOrigin, TestOrigin, TestOrigin] {
  return testOrigins() as [TestOrigin, TestOrigin, TestOrigin];
}

function tableOf(...ops: LiveOp[]): CellTable {
  const table = new CellTable();
  for (const op of ops) table.integrate(op, effectOf(op));
  return table;
}

/** What was added to the HyperLogLog and still counts. */
function added(table: CellTable): string[] {
  const ops = table.hyperLogLog?.ops ?? [];
  return ops.map((op) => op.args().slice(2).join(' ')).sort();
}

test('concurrent changes are all kept, and are no conflict', () => {
  const [a, b] = three();
  const x = a.write('PFADD k x');
  const y = b.write('PFADD k y');
  assert.deepEqual(added(tableOf(x, y)), ['x', 'y']);
  const index = new LiveIndex(2, 3, () => {});
  index.integrate(received(x));
  assert.equal(index.integrate(received(y)).conflict, undefined);
});

test('a DEL takes what it had not observed, whichever comes first', () => {
  const [a, b] = three();
  const x = a.write('PFADD k x');
  const removal = b.write('DEL k');
  assert.deepEqual(added(tableOf(x, removal)), []);
  assert.deepEqual(added(tableOf(removal, x)), []);
  assert.equal(tableOf(removal, x).visibleClass(), undefined);
});

test('what was added behind a DEL stays', () => {
  const [a, b] = three();
  const removal = a.write('DEL k');
  const x = b.sees(removal).write('PFADD k x');
  assert.deepEqual(added(tableOf(removal, x)), ['x']);
});

test('a DEL beats what comes later even after another write took the key over', () => {
  const [a, b] = three();
  const removal = a.write('DEL k', { at: 1 });
  const assign = a.write('SET k v', { at: 2 });
  const late = b.write('PFADD k x', { at: 9 });
  const entry = new KeyEntry('k');
  entry.append(removal);
  entry.append(assign);
  const table = entry.expand();
  table.integrate(late, effectOf(late));
  assert.deepEqual(added(table), []);
  assert.equal(table.visibleClass(), 'string');
});

test('of a chain of DELs the last one beats what none of them had seen', () => {
  const [a, b] = three();
  const first = a.write('DEL k');
  const seen = b.sees(first).write('PFADD k x');
  const entry = new KeyEntry('k');
  for (const op of [first, a.write('DEL k'), a.write('SET k v')]) entry.append(op);
  const table = entry.expand();
  table.integrate(seen, effectOf(seen));
  assert.deepEqual(added(table), []);
});

test('a DEL that makes way takes only what it had observed', () => {
  const [a, b, c] = three();
  const seen = a.write('PFADD k seen');
  const unseen = b.write('PFADD k unseen');
  const removal = c.sees(seen).write('DEL k', { makesWay: true });
  assert.deepEqual(added(tableOf(seen, unseen, removal)), ['unseen']);
  assert.deepEqual(added(tableOf(seen, removal, unseen)), ['unseen']);
});

test('with a plain string on the key the newest type shows', () => {
  const [a, b] = three();
  const assign = a.write('SET k v', { at: 1 });
  const newer = b.write('PFADD k x', { at: 2 });
  assert.equal(tableOf(assign, newer).visibleClass(), 'hyperloglog');
  const older = three()[1].write('PFADD k x', { at: 0 });
  assert.equal(tableOf(assign, older).visibleClass(), 'string');
});

test('what is stable is forgotten, and what else is there is not all any more', () => {
  const [a, b] = three();
  const removal = b.write('DEL k', { makesWay: true, replaced: true });
  const table = tableOf(removal, a.write('PFADD k x'));
  assert.equal(table.isComplete, true);
  table.prune(Float64Array.of(1, 0, 0));
  assert.deepEqual(added(table), []);
  assert.equal(table.isComplete, false);
});

test('a DEL that everyone has beats nothing any more: nothing can come that had not seen it', () => {
  const [a, b] = three();
  const removal = a.write('DEL k');
  const table = tableOf(removal);
  const unseen = b.write('PFADD k x');
  assert.equal(table.isBeaten(unseen), true);
  table.prune(Float64Array.of(1, 0, 0));
  assert.equal(table.isBeaten(unseen), false);
});

test('a copy does not follow what becomes of the original', () => {
  const [a, b] = three();
  const table = tableOf(a.write('PFADD k x'));
  const copy = table.clone();
  const removal = b.write('DEL k');
  table.integrate(removal, effectOf(removal));
  assert.deepEqual(added(copy), ['x']);
  assert.equal(copy.isBeaten(a.write('PFADD k y')), false);
});
