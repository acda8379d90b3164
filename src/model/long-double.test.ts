import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { subtractDecimals } from './decimal.ts';
import { addLongDouble, incrementBetween } from './long-double.ts';

const isX86 = process.arch === 'x64';

test('sums are what an engine prints', { skip: !isX86 }, () => {
  assert.equal(addLongDouble('145.75', '0.1'), '145.85000000000000001');
  assert.equal(addLongDouble('145.85000000000000001', '3'), '148.85000000000000001');
  assert.equal(addLongDouble('3.0e3', '200'), '3200');
  assert.equal(addLongDouble('1', 'x'), undefined);
});

describe('the increment between two sums', () => {
  const amount = fc.oneof(
    fc.integer({ min: -999, max: 999 }).map((units) => String(units / 10)),
    fc
      .tuple(fc.integer({ min: -99, max: 99 }), fc.nat({ max: 10 ** 16 }))
      .map((at) => at.join('.')),
    fc.constantFrom('0.7', '1e-17', '0.30000000000000004', '-0.123456789012345678'),
  );

  test('leads another engine to the same digits', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -1000, max: 1000 }),
        fc.array(amount, { minLength: 1, maxLength: 40 }),
        (start, amounts) => {
          let shown = String(start);
          for (const by of amounts) {
            const next = addLongDouble(shown, by) as string;
            const increment = incrementBetween(shown, next) as string;
            assert.equal(addLongDouble(shown, increment), next, `${shown} + ${by}`);
            shown = next;
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test('is not always their difference', { skip: !isX86 }, () => {
    const [before, after] = ['131.39999999999999997', '132.09999999999999996'];
    const difference = subtractDecimals(after, before) as string;
    assert.equal(addLongDouble(before, difference), '132.09999999999999995');
    assert.equal(incrementBetween(before, after), '0.7');
  });

  test('may need every bit of both', { skip: !isX86 }, () => {
    const [before, after] = ['84.43851314414640662', '148.61285293439023301'];
    assert.equal(addLongDouble(before, incrementBetween(before, after) as string), after);
  });

  test('is none where one of them is no number', () => {
    assert.equal(incrementBetween('x', '1'), undefined);
    assert.equal(incrementBetween('100', ''), undefined);
  });
});
