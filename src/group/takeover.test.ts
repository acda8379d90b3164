import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasAllCaptured, obstacleIn } from './takeover.ts';

const standing = { replicationId: 'a', offset: 100 };

function captured(source: 'engine' | 'standby' | null, replicationId: string | null, to: number) {
  return { capture: { source, replicationId, standby: null }, capturedOffset: to };
}

test('a standby that is captured has all that was captured', () => {
  assert.equal(hasAllCaptured(standing, captured('standby', 'a', 100)), true);
  // It is asked after its engine has died: what was captured since is its own.
  assert.equal(hasAllCaptured(standing, captured('standby', 'a', 120)), true);
});

test('one that has begun anew since, and has nothing, has not', () => {
  assert.equal(hasAllCaptured(standing, captured('standby', 'b', 100)), false);
});

test('one that was not must have come as far, in the same history', () => {
  assert.equal(hasAllCaptured(standing, captured(null, 'a', 100)), true);
  assert.equal(hasAllCaptured(standing, captured(null, 'a', 101)), false);
  assert.equal(hasAllCaptured(standing, captured(null, 'b', 50)), false);
});

test('nothing is known while nothing was captured', () => {
  assert.equal(hasAllCaptured(standing, captured(null, null, 0)), undefined);
  assert.equal(hasAllCaptured(standing, { capture: undefined, capturedOffset: 5 }), undefined);
});

const filled = { isReplica: true, isFilling: false, ...standing };
const end = { replicationId: 'a', offset: 90 };

test('an engine that hangs is replaced by a standby that has what it had, and what was captured', () => {
  assert.equal(obstacleIn(filled, captured('standby', 'a', 100), end), null);
  assert.equal(obstacleIn(filled, captured('engine', 'a', 100), end), null);
  // The replicator does not answer.
  assert.equal(obstacleIn(filled, null, end), null);
  // It is not known how far the engine had come: a supervisor that came later.
  assert.equal(obstacleIn(filled, captured('standby', 'a', 100), null), null);
});

test('it is left alone where its standby lacks anything, or nobody knows', () => {
  const status = captured('standby', 'a', 100);
  for (const [standby, captures, known] of [
    [{ ...filled, isReplica: false }, status, end],
    [{ ...filled, isFilling: true }, status, end],
    [filled, captured('engine', 'a', 101), end],
    [filled, captured('standby', 'b', 100), end],
    [filled, status, { ...end, offset: 101 }],
    [filled, status, { ...end, replicationId: 'b' }],
    [filled, null, { ...end, replicationId: 'b' }],
    [filled, null, null],
    [filled, captured(null, null, 0), null],
  ] as const) {
    assert.notEqual(obstacleIn(standby, captures, known), null);
  }
});
