import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HybridClock, millisecondsOf, TICKS_PER_MS } from './clock.ts';

test('a timestamp is the wall clock as long as that rises', () => {
  const clock = new HybridClock();
  assert.equal(Math.floor(millisecondsOf(clock.take(1.8e12, 1))), 1.8e12);
  assert.equal(Math.floor(millisecondsOf(clock.take(1.8e12 + 7, 1))), 1.8e12 + 7);
});

test('a wall clock that steps back does not take timestamps back', () => {
  const clock = new HybridClock();
  const before = clock.take(2000, 1);
  assert.equal(clock.take(1000, 1), before + 1);
});

test('what was observed is older than what comes next', () => {
  const clock = new HybridClock();
  clock.observe(5000 * TICKS_PER_MS);
  assert.ok(clock.take(1000, 1) > 5000 * TICKS_PER_MS);
});

test('an older observation changes nothing', () => {
  const clock = new HybridClock(77);
  clock.observe(5);
  assert.equal(clock.last, 77);
});

test('timestamps fit until 2089', () => {
  const clock = new HybridClock();
  assert.ok(Number.isSafeInteger(clock.take(Date.UTC(2089, 0, 1), 4096)));
});

test('several timestamps taken at once are consecutive, and the next ones come behind them', () => {
  const clock = new HybridClock();
  const first = clock.take(10, 5);
  assert.equal(clock.last, first + 4);
  assert.equal(clock.take(10, 1), first + 5);
});

test('timestamps rise, whatever the wall clock does and whoever is observed', () => {
  const step = fc.record({
    nowMs: fc.double({ min: 0, max: 2e12, noNaN: true }),
    count: fc.integer({ min: 1, max: 9000 }),
    seen: fc.option(fc.integer({ min: 0, max: 2e12 * TICKS_PER_MS })),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const clock = new HybridClock();
      for (const { nowMs, count, seen } of steps) {
        if (seen !== null) clock.observe(seen);
        const before = clock.last;
        const first = clock.take(nowMs, count);
        assert.ok(first > before && clock.last === first + count - 1);
        assert.ok(Number.isSafeInteger(clock.last));
        assert.ok(millisecondsOf(first) >= Math.floor(nowMs));
      }
    }),
  );
});
