import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { clockAlarm, OwnClock } from './own-clock.ts';

const HOUR_MS = 3_600_000;
const TOLERANCE_MS = 60_000;
const START_MS = 1.8e12;

/** A clock whose peers are right; `offMs`: by how much it is wrong. */
function ownClock(hasPeers = true) {
  const steps: number[] = [];
  const clock = new OwnClock(hasPeers, (step) => steps.push(step));
  let monotonicMs = 0;
  const at = (offMs: number): number => {
    monotonicMs += 10;
    clock.observe(START_MS + monotonicMs + offMs, monotonicMs, TOLERANCE_MS);
    return clock.verdict.correctionMs;
  };
  at(0);
  const heard = (...skewsMs: number[]) => {
    clock.measured(skewsMs, TOLERANCE_MS);
    return clock.verdict;
  };
  return { clock, steps, at, heard };
}

test('a step is not followed until a peer has confirmed it', () => {
  const { steps, at, heard } = ownClock();
  assert.equal(at(HOUR_MS), -HOUR_MS);
  assert.deepEqual(steps, [HOUR_MS]);
  assert.equal(at(HOUR_MS), -HOUR_MS);
  // The peers say that the clock is right now: it was wrong before.
  assert.equal(heard(3, -2).correctionMs, 0);
  assert.equal(at(HOUR_MS), 0);
});

test('a step that the peers do not confirm is taken back, and raises an alarm', () => {
  const { at, heard } = ownClock();
  at(HOUR_MS);
  const verdict = heard(-HOUR_MS, -HOUR_MS);
  assert.deepEqual(verdict, { aheadOfPeersMs: HOUR_MS, peers: 2, correctionMs: -HOUR_MS });
  assert.match(clockAlarm(verdict, TOLERANCE_MS) ?? '', /^own clock is 3,600 s ahead of 2 peers\./);
  assert.equal(at(0), 0);
  assert.equal(clockAlarm(heard(0, 0), TOLERANCE_MS), undefined);
});

test('a clock that went back is told to be behind', () => {
  const { at, heard } = ownClock();
  assert.equal(at(-HOUR_MS), HOUR_MS);
  const verdict = heard(HOUR_MS, HOUR_MS);
  assert.equal(verdict.correctionMs, HOUR_MS);
  assert.match(clockAlarm(verdict, TOLERANCE_MS) ?? '', /3,600 s behind 2 peers/);
});

test('one peer that is wrong outvotes nobody', () => {
  const { heard } = ownClock();
  assert.equal(heard(HOUR_MS, 4).correctionMs, 0);
  assert.equal(heard(-HOUR_MS, 4).correctionMs, 0);
  assert.equal(heard(HOUR_MS, 4).aheadOfPeersMs, 0 - 4);
});

test('of two that differ each is told, and neither corrects itself', () => {
  const { heard } = ownClock();
  const verdict = heard(HOUR_MS);
  assert.equal(verdict.correctionMs, 0);
  assert.match(
    clockAlarm(verdict, TOLERANCE_MS) ?? '',
    /3,600 s behind 1 peer\. Writes are stamped with it/,
  );
});

test('of two that differ the one that was just set corrects itself', () => {
  const { at, heard } = ownClock();
  at(HOUR_MS);
  assert.equal(heard(-HOUR_MS).correctionMs, -HOUR_MS);
  at(0);
  assert.equal(heard(0).correctionMs, 0);
  assert.equal(heard(-HOUR_MS).correctionMs, 0);
});

test('a clock that was wrong from the start is corrected by the majority', () => {
  const { heard } = ownClock();
  assert.equal(heard(-HOUR_MS, -HOUR_MS + 5).correctionMs, -HOUR_MS + 5);
});

test('without peers every step is followed', () => {
  const { at, heard } = ownClock(false);
  assert.equal(at(HOUR_MS), 0);
  assert.equal(heard().aheadOfPeersMs, null);
});

test('cut off, a step waits for a peer, and says so', () => {
  const { clock, at, heard } = ownClock();
  heard(0, 0);
  at(HOUR_MS);
  heard();
  assert.equal(at(HOUR_MS), -HOUR_MS);
  assert.match(clockAlarm(clock.verdict, TOLERANCE_MS) ?? '', /set by 3,600 s .* no peer/);
});

test('steps within the tolerance pass', () => {
  const { steps, at } = ownClock();
  assert.equal(at(TOLERANCE_MS - 1), 0);
  assert.deepEqual(steps, []);
});

test('where most clocks agree, stamps are never further off than the tolerance once peers were heard', () => {
  const off = fc.integer({ min: -HOUR_MS, max: HOUR_MS });
  const near = fc.integer({ min: -500, max: 500 });
  fc.assert(
    fc.property(fc.array(fc.tuple(off, off, near, near), { maxLength: 30 }), (moments) => {
      const { at, heard } = ownClock();
      for (const [ownOffMs, wrongPeerMs, nearA, nearB] of moments) {
        at(ownOffMs);
        const skews = [
          nearA - ownOffMs,
          nearB - ownOffMs,
          nearA - ownOffMs,
          wrongPeerMs - ownOffMs,
        ];
        const { correctionMs } = heard(...skews);
        assert.ok(Math.abs(ownOffMs + correctionMs) <= TOLERANCE_MS + 500);
      }
    }),
  );
});
