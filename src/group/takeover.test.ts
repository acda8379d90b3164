import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasAllCaptured } from './takeover.ts';

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
