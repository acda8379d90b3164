import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClockEstimate } from './clock-estimate.ts';

/** A ping that took `roundTripMs`, answered half-way by a clock that is ahead by `skewMs`. */
function ping(estimate: ClockEstimate, sentMs: number, roundTripMs: number, skewMs: number): void {
  const theirs = sentMs + roundTripMs / 2 + skewMs;
  estimate.add({ sentMs, receivedMs: theirs, answeredMs: theirs }, sentMs + roundTripMs);
}

test('of the last samples the shortest trip counts', () => {
  const estimate = new ClockEstimate();
  ping(estimate, 1000, 80, 40);
  ping(estimate, 2000, 4, 7);
  ping(estimate, 3000, 90, 30);
  assert.equal(estimate.skewMs, 7);
  assert.equal(estimate.roundTripMs, 4);
});

test('a clock of a peer that was set is believed at once', () => {
  const estimate = new ClockEstimate();
  ping(estimate, 1000, 4, 0);
  ping(estimate, 2000, 6, 3_600_000);
  assert.equal(estimate.skewMs, 3_600_000);
  ping(estimate, 3000, 5, 2);
  assert.equal(estimate.skewMs, 2);
});

test('a ping during which the own clock was set tells nothing, whichever way it was set', () => {
  for (const stepMs of [3_162_000, -3_162_000]) {
    const estimate = new ClockEstimate();
    estimate.forget();
    estimate.add({ sentMs: 1000, receivedMs: 1040, answeredMs: 1040 }, 1080 + stepMs);
    assert.equal(estimate.skewMs, null);
    ping(estimate, 2000 + stepMs, 80, -stepMs);
    assert.equal(estimate.skewMs, -stepMs);
  }
});

test('what was measured with the own clock is forgotten when that is set', () => {
  const estimate = new ClockEstimate();
  ping(estimate, 1000, 4, 9);
  estimate.forget();
  assert.equal(estimate.skewMs, null);
});
