import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lags, type PeerLink } from './lags.ts';

const UP: PeerLink = { id: 2, connected: true, roundTripMs: 80, receivedBytes: 10 };
const DOWN: PeerLink = { ...UP, connected: false };

test('a fresh measurement is shown as it is', () => {
  const lags = new Lags();
  lags.measured(2, 55, 1000);
  assert.equal(lags.lagMs(UP, true, 3000), 55);
  lags.measured(2, -3, 3000);
  assert.equal(lags.lagMs(UP, true, 3000), 0);
});

test('when nothing is written there, half a round trip takes the place of an old measurement', () => {
  const lags = new Lags();
  assert.equal(lags.lagMs(UP, true, 1000), 40);
  lags.measured(2, 60_000, 1000);
  assert.equal(lags.lagMs(UP, true, 3001), 40);
  assert.equal(lags.lagMs({ ...UP, roundTripMs: null }, true, 3001), 60_000);
});

test('as long as writes of the peer wait, the last measurement stays', () => {
  const lags = new Lags();
  assert.equal(lags.lagMs(UP, false, 1000), null);
  lags.measured(2, 55, 1000);
  assert.equal(lags.lagMs(UP, false, 9000), 55);
});

test('without a link the lag grows from when the peer was last heard of', () => {
  const lags = new Lags();
  assert.equal(lags.lagMs(DOWN, true, 500), null);
  lags.observe(UP, 1000);
  lags.observe({ ...UP, receivedBytes: 20 }, 2000);
  // Silent before the link was given up, and refused since.
  lags.observe({ ...UP, receivedBytes: 20 }, 3000);
  lags.observe({ ...DOWN, receivedBytes: 30 }, 4000);
  lags.measured(2, 55, 2000);
  assert.equal(lags.lagMs(DOWN, true, 9000), 7000);
});
