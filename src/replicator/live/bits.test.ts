// Bits of a string: cells on top of its text.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OpFlag } from '../../model/op.ts';
import { CellTable } from './cells.ts';
import { effectOf } from './effect.ts';
import { LiveIndex } from './live-index.ts';
import type { LiveOp } from './live-op.ts';
import { received, type TestOrigin, testOrigins } from './ops.fixture.ts';
import { isTangled } from './tangle.ts';

function three(): [TestOrigin, TestOrigin, TestOrigin] {
  return testOrigins() as [TestOrigin, TestOrigin, TestOrigin];
}

function tableOf(...ops: LiveOp[]): CellTable {
  const table = new CellTable();
  for (const op of ops) table.integrate(op, effectOf(op));
  return table;
}

/** What each live cell of the string shows. */
function shown(table: CellTable): Record<string, string | undefined> {
  const cells = [...(table.classes.get('string') ?? [])];
  return Object.fromEntries(cells.map(([name, cell]) => [name, cell.winner?.assign]));
}

test('bits of different offsets are all kept, of one offset the newest', () => {
  const [a, b] = three();
  const one = a.write('SETBIT k 1 1', { at: 1 });
  const two = b.write('SETBIT k 2 1', { at: 2 });
  const newer = b.write('SETBIT k 1 0', { at: 3 });
  for (const table of [tableOf(one, two, newer), tableOf(two, newer, one)]) {
    assert.deepEqual(shown(table), { 1: '0', 2: '1' });
  }
});

test('an assignment or a removal takes the bits that it had observed', () => {
  const [a, b] = three();
  const seen = a.write('SETBIT k 1 1', { at: 1 });
  const unseen = a.write('SETBIT k 2 1', { at: 2 });
  b.sees(seen);
  assert.deepEqual(shown(tableOf(seen, unseen, b.write('SET k v', { at: 9 }))), {
    2: '1',
    '': 'v',
  });
  assert.deepEqual(shown(tableOf(seen, unseen, b.write('DEL k'))), { 2: '1' });
});

test('bits alone, or on a known text, do not depend on their order', () => {
  const [a, b, c] = three();
  const bit = a.write('SETBIT k 1 1');
  assert.equal(isTangled(tableOf(bit, b.write('SETBIT k 1 0'))), false);
  assert.equal(isTangled(tableOf(bit, b.write('SET k v'))), false);
  assert.equal(isTangled(tableOf(bit, b.write('APPEND k x'), c.write('SET k v'))), false);
});

test('increments and bits do, and what stands on a write without a rule', () => {
  const [a, b, c] = three();
  const [bit, increment, opaque] = [
    a.write('SETBIT k 1 1'),
    b.write('INCR k'),
    c.write('APPEND k x'),
  ];
  assert.equal(isTangled(tableOf(bit, increment)), true);
  assert.equal(isTangled(tableOf(opaque, bit)), true);
  assert.equal(isTangled(tableOf(increment, opaque)), true);
});

/** Who of the three asserts a value when all have met at each of them. */
function asserting(ops: LiveOp[]): number[] {
  return [0, 1, 2].filter((self) => {
    const index = new LiveIndex(self, 3, () => {});
    const own = ops.filter((op) => op.origin === self);
    const others = ops.filter((op) => op.origin !== self);
    for (const op of own) index.integrate(received(op));
    return others.some((op) => index.integrate(received(op)).assertion?.kind === 'whole');
  });
}

test('the origin of the newest asserts what it made of them', () => {
  const [a, b, c] = three();
  const bit = a.write('SETBIT k 1 1', { at: 2 });
  assert.deepEqual(asserting([bit, b.write('INCR k', { at: 1 })]), [0]);
  assert.deepEqual(asserting([bit, c.write('INCR k', { at: 3 })]), [2]);
  assert.deepEqual(asserting([bit, b.write('APPEND k x', { at: 1 })]), [0]);
  assert.deepEqual(asserting([bit, b.write('APPEND k x', { at: 3 })]), [1]);
  assert.deepEqual(asserting([bit, b.write('SETBIT k 2 1', { at: 3 })]), []);
});

test('a bit on a value that only its writers know counts as such a write', () => {
  const [a, b] = three();
  const flagged: LiveOp[] = [];
  const index = new LiveIndex(1, 3, (op) => flagged.push(op));
  const opaque = a.write('BITFIELD k SET u8 0 1');
  const bit = b.sees(opaque).write('SETBIT k 1 1');
  index.integrate(opaque);
  index.integrate(bit);
  assert.deepEqual(flagged, [bit]);
  bit.flags |= OpFlag.onOpaque;
  assert.equal(effectOf(bit).valueClass, 'opaque');
});

test('many bits of one key cost what each costs alone', () => {
  const [a, b] = three();
  const index = new LiveIndex(2, 3, () => {});
  const timed = (from: number): number => {
    const startedAt = process.cpuUsage().user;
    for (let i = from; i < from + 2000; i++) {
      index.integrate(a.write(`SETBIT k ${i} 1`));
      index.integrate(b.write(`SETBIT k ${i} 1`));
    }
    return process.cpuUsage().user - startedAt;
  };
  timed(0);
  const early = timed(2000);
  for (let i = 2; i < 10; i++) timed(i * 2000);
  const late = timed(20_000);
  // Nothing becomes stable here: the table has ten times as many cells by now.
  assert.ok(late < early * 4, `${early} us for the first, ${late} us for the last`);
});
