import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff } from './backoff.ts';

test('a process is started at once, then ever later, at most ten seconds', () => {
  const backoff = new Backoff();
  const startsMs: number[] = [];
  for (let nowMs = 0; nowMs < 60_000; nowMs += 10) {
    if (backoff.isDue(false, nowMs)) startsMs.push(nowMs);
  }
  assert.deepEqual(startsMs.slice(0, 6), [0, 100, 300, 700, 1_500, 3_100]);
  const gapsMs = startsMs.slice(1).map((startMs, index) => startMs - (startsMs[index] ?? 0));
  assert.equal(Math.max(...gapsMs), 10_000);
});

test('a process that has run for a while is started at once again', () => {
  const backoff = new Backoff();
  for (let nowMs = 0; nowMs < 10_000; nowMs += 10) backoff.isDue(false, nowMs);
  assert.equal(backoff.isDue(true, 50_000), false);
  assert.equal(backoff.isDue(false, 50_001), true);
});

test('a process that runs is left alone', () => {
  assert.equal(new Backoff().isDue(true, 0), false);
});
