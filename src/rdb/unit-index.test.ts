import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { UnitIndex } from './unit-index.ts';

const digest = (i: number): string => hash('sha256', String(i), 'binary').slice(0, 10);

test('every unit is found where it is, and no other', () => {
  const index = new UnitIndex();
  const units = 400_000;
  for (let i = 0; i < units; i++) index.add(digest(i), i * 1_000_003);
  assert.equal(index.count, units);
  for (let i = 0; i < units; i += 7) assert.equal(index.offsetOf(digest(i)), i * 1_000_003);
  for (let i = units; i < units + 10_000; i++) assert.equal(index.offsetOf(digest(i)), -1);
  assert.ok(index.bytes / units < 30, `${index.bytes / units} bytes for each`);
});

test('an index that expects its units has them in the same way', () => {
  const index = new UnitIndex(5000);
  for (let i = 0; i < 5000; i++) index.add(digest(i), i);
  for (let i = 0; i < 5000; i++) assert.equal(index.offsetOf(digest(i)), i);
});

test('offsets beyond 4 GiB are kept; the first of equal units counts', () => {
  const index = new UnitIndex();
  index.add(digest(1), 2 ** 40 + 5);
  index.add(digest(1), 7);
  assert.equal(index.count, 1);
  assert.equal(index.offsetOf(digest(1)), 2 ** 40 + 5);
});

test('it is a map from the first 8 bytes of digests', () => {
  const digests = fc.array(
    fc.tuple(
      fc.constantFrom(...'\0\u0001\u007f\u0080ÿ'),
      fc.constantFrom(...'\0\u0001ÿ'),
      fc.constantFrom('\0', 'ÿ'),
    ),
  );
  fc.assert(
    fc.property(digests, (parts) => {
      const index = new UnitIndex();
      const model = new Map<string, number>();
      for (const [i, [a, b, c]] of parts.entries()) {
        const one = `${a}..${b}...${c}`;
        index.add(`${one}zz`, i);
        if (!model.has(one)) model.set(one, i);
      }
      assert.equal(index.count, model.size);
      for (const [one, at] of model) assert.equal(index.offsetOf(`${one}--`), at);
      assert.equal(index.offsetOf('no such0--'), -1);
    }),
  );
});
