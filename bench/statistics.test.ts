import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, percentile } from './statistics.ts';

test('the median of an odd count is the middle value, whatever the order', () => {
  assert.equal(median([9, 1, 5]), 5);
});

test('the median of an even count is the mean of the two middle values', () => {
  assert.equal(median([4, 1, 2, 100]), 3);
});

test('percentiles are values that occurred (nearest rank)', () => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i);
  assert.equal(percentile(values, 50), 50);
  assert.equal(percentile(values, 99), 99);
  assert.equal(percentile(values, 100), 100);
  assert.equal(percentile([7], 99), 7);
});

test('nothing measured is NaN, never zero', () => {
  assert.ok(Number.isNaN(median([])));
  assert.ok(Number.isNaN(percentile([], 50)));
});
