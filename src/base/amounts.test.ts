import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesText, countText, durationText } from './amounts.ts';

test('durations are told as exactly as one needs them', () => {
  const minute = 60_000;
  const cases: [number, string][] = [
    [0, '0.0 s'],
    [3400, '3.4 s'],
    [34_000, '34 s'],
    [150_000, '3 min'],
    [60 * minute, '1 h'],
    [380 * minute, '6 h 20 min'],
    [49 * 60 * minute, '2 d 1 h'],
    [1e15, 'more than 1,000 d'],
  ];
  for (const [ms, text] of cases) assert.equal(durationText(ms), text);
});

test('sizes are in decimal units', () => {
  const cases: [number, string][] = [
    [0, '0 B'],
    [999, '999 B'],
    [1200, '1.2 kB'],
    [1_234_567, '1.2 MB'],
    [16 * 1024 ** 3, '17 GB'],
    [999_999_999, '1.0 GB'],
  ];
  for (const [bytes, text] of cases) assert.equal(bytesText(bytes), text);
});

test('counts have their commas, and one is one', () => {
  assert.equal(countText(2311, 'write'), '2,311 writes');
  assert.equal(countText(1, 'write'), '1 write');
  assert.equal(countText(0, 'write'), '0 writes');
});
