import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CellTable } from '../cells.ts';
import { effectOf } from '../effect.ts';
import { LiveIndex } from '../live-index.ts';
import type { LiveOp } from '../live-op.ts';
import { received, type TestOrigin, testOrigins } from '../ops.fixture.ts';

const NEVER = Number.POSITIVE_INFINITY;

function three(): [TestOrigin, TestOrigin, TestOrigin] {
  return testOrigins() as [TestOrigin, TestOrigin, TestOrigin];
}

function tableOf(...ops: LiveOp[]): CellTable {
  const table = new CellTable();
  for (const op of ops) table.integrate(op, effectOf(op));
  return table;
}

function target(table: CellTable, name = 'f'): number | undefined {
  return table.fieldExpiries.target(name, table.cell('hash', name));
}

const expireAt = (ms: number, ...names: string[]): string =>
  `HPEXPIREAT k ${ms} FIELDS ${names.length} ${names.join(' ')}`;

test('of concurrent expiries the longest wins, whichever is newer', () => {
  const [a, b] = three();
  const long = a.write(expireAt(500, 'f'), { at: 1 });
  const short = b.write(expireAt(50, 'f', 'g'), { at: 2 });
  for (const table of [tableOf(long, short), tableOf(short, long)]) {
    assert.deepEqual([target(table, 'f'), target(table, 'g')], [500, 50]);
  }
});

test('no expiry is the longest', () => {
  const [a, b] = three();
  const table = tableOf(a.write(expireAt(500, 'f')), b.write('HPERSIST k FIELDS 1 f'));
  assert.equal(target(table), NEVER);
});

test('one that had seen the longer one is later, not concurrent', () => {
  const [a, b] = three();
  const long = a.write(expireAt(500, 'f'));
  assert.equal(target(tableOf(long, b.sees(long).write(expireAt(50, 'f')))), 50);
});

test('HSET ends the expiry of its field, also one that it had not seen', () => {
  const [a, b] = three();
  const expiry = a.write(expireAt(500, 'f'));
  const set = b.write('HSET k f v');
  assert.equal(target(tableOf(expiry, set)), NEVER);
  assert.equal(target(tableOf(set, expiry)), NEVER);
  assert.equal(target(tableOf(set, b.write(expireAt(70, 'f')), expiry)), 500);
});

test('HINCRBY leaves it alone', () => {
  const [a, b] = three();
  assert.equal(target(tableOf(a.write(expireAt(500, 'f')), b.write('HINCRBY k f 1'))), 500);
});

test('a removal takes what it had seen', () => {
  for (const removal of ['HDEL k f', 'DEL k', 'SET k v']) {
    const [a, b, c] = three();
    const seen = a.write(expireAt(500, 'f'));
    const unseen = b.write(expireAt(50, 'f'));
    const table = tableOf(seen, unseen, c.sees(seen).write(removal));
    assert.equal(target(table), 50, removal);
    assert.equal(target(tableOf(seen, a.write(removal))), undefined, removal);
  }
});

test('what must be weighed against a change that is not stable stays', () => {
  const [a, b] = three();
  const set = a.write('HSET k f v');
  const expiry = b.write(expireAt(500, 'f'));
  const table = tableOf(set, expiry);
  table.prune(Float64Array.of(1, 0, 0));
  assert.equal(target(table), NEVER);
  table.prune(Float64Array.of(1, 1, 0));
  assert.equal(target(table), undefined);
  assert.equal(table.fieldExpiries.isEmpty, true);
});

test('a copy does not follow what becomes of the original', () => {
  const [a, b] = three();
  const table = tableOf(a.write(expireAt(500, 'f')));
  const copy = table.clone();
  const longer = b.write(expireAt(900, 'f', 'g'));
  table.integrate(longer, effectOf(longer));
  assert.deepEqual([target(copy, 'f'), target(copy, 'g')], [500, undefined]);
});

/** The fields that member 0 asserts when `op` comes to it behind `before`. */
function asserted(before: LiveOp[], op: LiveOp): unknown {
  const index = new LiveIndex(0, 3, () => {});
  for (const one of before) index.integrate(received(one));
  return index.integrate(received(op)).fields;
}

test('who changed the expiry asserts a field that is removed without knowing of that', () => {
  const [a, b, c] = three();
  const base = c.write('HSET k f 1 g 2');
  a.sees(base);
  b.sees(base);
  const extended = a.write(expireAt(500, 'f', 'g'));
  const fields = (...names: string[]) => ({ kind: 'fields', names });
  assert.deepEqual(asserted([base, extended], b.write('HDEL k f h')), fields('f'));
  assert.deepEqual(asserted([base, extended], b.write('DEL k')), fields('f', 'g'));
  assert.equal(asserted([base, extended], b.write('HSET k f 3')), undefined);
  assert.equal(asserted([base, extended], b.sees(extended).write('HDEL k f')), undefined);
  const elsewhere = b.write(expireAt(900, 'f'));
  assert.equal(asserted([base, elsewhere], c.write('HDEL k f')), undefined);
});
