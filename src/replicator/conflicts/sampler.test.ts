import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Sampler } from './sampler.ts';

function admitted(sampler: Sampler, type: string, times: number, nowMs: number): number {
  let count = 0;
  for (let i = 0; i < times; i++) if (sampler.admit(type, nowMs) !== undefined) count++;
  return count;
}

test('a burst is admitted as a whole, and then a few a second', () => {
  const sampler = new Sampler();
  assert.equal(admitted(sampler, 'set', 5000, 0), 1000);
  let later = 0;
  for (let ms = 1; ms <= 10_000; ms++) later += admitted(sampler, 'set', 3, ms);
  assert.ok(later >= 999 && later <= 1000, `${later} in ten seconds`);
});

test('each type has a share of its own', () => {
  const sampler = new Sampler();
  admitted(sampler, 'string', 5000, 0);
  assert.equal(admitted(sampler, 'hash', 10, 0), 10);
});

test('what was skipped is told with the next that is admitted, once', () => {
  const sampler = new Sampler();
  admitted(sampler, 'set', 1007, 0);
  assert.equal(sampler.admit('set', 10), 7);
  assert.equal(sampler.admit('set', 20), 0);
});

test('a clock that is set back stops nothing for good', () => {
  const sampler = new Sampler();
  admitted(sampler, 'set', 1000, 1_000_000);
  assert.equal(sampler.admit('set', 0), undefined);
  assert.equal(sampler.admit('set', 20), 1);
});
