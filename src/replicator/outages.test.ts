import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Outages } from './outages.ts';
import { Growth, limitOf, runwayMs } from './runway.ts';

const HOUR_MS = 3_600_000;
const MB = 1_000_000;

/** A log that keeps `perSecond` bytes for member 2, which has nothing of members 1 and 3. */
function watched(perSecond: number, maxBytes: number) {
  let seconds = 0;
  const log = {
    get bytes() {
      return perSecond * seconds;
    },
    pending: (origin: number, afterSeq: number) => ({
      ops: (origin === 2 ? 0 : seconds) - afterSeq,
      bytes: origin === 1 ? perSecond * seconds : 0,
    }),
  };
  const outages = new Outages({
    log,
    origins: [1, 2, 3],
    knownOf: () => 0,
    maxBytes,
    minFreeShare: 0.05,
    index: { bytes: 0, maxBytes: 1000 * MB },
    warnMs: 4 * HOUR_MS,
    criticalMs: HOUR_MS,
  });
  const second = (connected: boolean): void => {
    seconds++;
    const peers = [
      { id: 2, region: 'westeurope', connected },
      { id: 3, region: 'japaneast', connected: true },
    ];
    outages.look(peers, seconds * 1000, seconds * 1000);
  };
  const status = () => outages.statusOf(2, seconds * 1000);
  return { outages, second, status };
}

test('nothing is told of a member that can be reached', () => {
  const { second, status } = watched(1000, MB);
  for (let i = 0; i < 20; i++) second(true);
  assert.equal(status(), null);
});

test('of one that cannot: what is kept, how fast it grows, how long that can go on', () => {
  const { outages, second, status } = watched(1000, 100 * MB);
  for (let i = 0; i < 60; i++) second(false);
  const known = status();
  assert.equal(known?.sinceMs, 1000);
  assert.equal(known?.ops, 120);
  assert.equal(known?.bytes, 60_000);
  assert.equal(Math.round(known?.growthBytesPerHour ?? 0), 3_600_000);
  assert.equal(known?.limitBytes, 100 * MB);
  // 99.94 MB at 1,000 B/s.
  assert.equal(Math.round((known?.runwayMs ?? 0) / 1000), 99_940);
  assert.deepEqual([known?.level, known?.alarm], ['ok', null]);
  assert.equal(outages.statusOf(3, 0), null);
  second(true);
  assert.equal(status(), null);
});

test('an alarm says when the limit is reached, and what to do before', () => {
  const { second, status } = watched(1000, 10 * MB);
  for (let i = 0; i < 60; i++) second(false);
  assert.equal(status()?.level, 'warning');
  assert.match(
    status()?.alarm ?? '',
    /^westeurope cannot be reached for 59 s; 120 writes \(60 kB\) are kept/,
  );
  assert.match(
    status()?.alarm ?? '',
    /limit of 10 MB is reached in 2 h 45 min\. Restore westeurope/,
  );
  for (let i = 0; i < 8000; i++) second(false);
  assert.equal(status()?.level, 'critical');
  assert.match(status()?.alarm ?? '', /force-unlink it now/);
});

test('a disk that fills up ends sooner than the settings', () => {
  const { outages, second, status } = watched(1000, 100 * MB);
  for (let i = 0; i < 60; i++) second(false);
  outages.disk = { free: 1 * MB, size: 10 * MB };
  // 60 kB are there, half of the free 1 MB is to stay.
  assert.equal(status()?.limitBytes, 560_000);
  assert.equal(status()?.level, 'critical');
});

test('a runway is told right within a hundredth, for any steady rate', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1e9 }),
      fc.integer({ min: 10, max: 1200 }),
      fc.integer({ min: 0, max: 1e12 }),
      (perSecond, seconds, freeBytes) => {
        const growth = new Growth();
        for (let s = 0; s <= seconds; s++) growth.add(perSecond * s, s * 1000);
        const room = { logBytes: perSecond * seconds, maxBytes: 1e15, freeBytes, minFreeBytes: 0 };
        const runway = runwayMs(room, growth.bytesPerHour) ?? Number.NaN;
        const left = limitOf(room) - room.logBytes;
        const exact = (left / perSecond) * 1000;
        assert.ok(Math.abs(runway - exact) <= exact / 100 + 1, `${runway} for ${exact}`);
      },
    ),
  );
});

test('what does not grow has no end, and what is full has none left', () => {
  const room = { logBytes: 10, maxBytes: 100, freeBytes: null, minFreeBytes: 0 };
  assert.equal(runwayMs(room, 0), null);
  assert.equal(runwayMs(room, null), null);
  assert.equal(runwayMs({ ...room, logBytes: 100 }, null), 0);
});
