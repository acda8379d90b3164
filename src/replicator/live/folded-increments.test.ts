import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { observed } from '../../model/op.ts';
import { stateOf } from './cell.ts';
import { CellTable } from './cells.ts';
import { effectOf } from './effect.ts';
import type { LiveOp } from './live-op.ts';
import { received, type TestOrigin, testOrigins } from './ops.fixture.ts';

const INCREMENTS = 1500;

function integrate(table: CellTable, op: LiveOp): void {
  table.integrate(op, effectOf(op));
}

/** The sum that a cell shows. */
function shown(table: CellTable): bigint {
  const { increments } = stateOf(table.cell('string', ''));
  return increments.reduce((sum, c) => sum + BigInt(c.increment as string), 0n);
}

test('many increments are kept as sums, from which what is observed or stable goes exactly', () => {
  const cut = fc.record({ first: fc.nat(INCREMENTS), second: fc.nat(INCREMENTS) });
  const deltas = fc.array(fc.oneof(fc.integer(), fc.constant('9223372036854775807')), {
    minLength: 3,
    maxLength: 9,
  });
  fc.assert(
    fc.property(
      deltas,
      fc.array(cut, { minLength: 1, maxLength: 4 }),
      fc.boolean(),
      (by, cuts, isDel) => {
        const [first, second, third] = testOrigins() as [TestOrigin, TestOrigin, TestOrigin];
        const table = new CellTable();
        let left: [LiveOp, bigint][] = [];
        const add = (writer: TestOrigin, i: number) => {
          const delta = String(by[i % by.length]);
          const op = received(writer.write(`INCRBY k ${delta}`));
          integrate(table, op);
          left.push([op, BigInt(delta)]);
        };
        for (let i = 0; i < INCREMENTS; i++) add(i % 3 === 0 ? second : first, i);
        const all = left.map(([op]) => op);
        for (const { first: a, second: b } of cuts) {
          const seen = all.filter((op) => op.seq <= (op.origin === 0 ? a : b));
          const trial = table.clone();
          if (isDel) {
            const removal = received(third.sees(...seen).write('DEL k'));
            integrate(trial, removal);
            assert.equal(table.cell('string', '')?.size, left.length, 'a trial changes nothing');
            integrate(table, removal);
            left = left.filter(([op]) => !observed(removal, op));
            assert.equal(shown(trial), total(left));
          } else {
            const frontier = Float64Array.from([a, b, 0]);
            table.prune(frontier);
            left = left.filter(([op]) => op.seq > (frontier[op.origin] as number));
          }
          assert.equal(shown(table), total(left));
          assert.equal(table.cell('string', '')?.size ?? 0, left.length);
          add(first, a);
        }
      },
    ),
    { numRuns: 25 },
  );
});

test('a hot counter keeps a handful of ops', () => {
  const [first] = testOrigins() as [TestOrigin];
  const table = new CellTable();
  for (let i = 0; i < 5000; i++) integrate(table, received(first.write('INCR k')));
  assert.equal(table.cell('string', '')?.size, 5000);
  assert.ok((table.cell('string', '')?.increments.length ?? 5000) < 600);
  assert.equal(shown(table), 5000n);
});

function total(of: readonly [LiveOp, bigint][]): bigint {
  return of.reduce((sum, [, delta]) => sum + delta, 0n);
}
