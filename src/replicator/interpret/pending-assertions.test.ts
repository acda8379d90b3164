import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PendingAssertions } from './pending-assertions.ts';

const WHOLE = { kind: 'whole' } as const;

/** How long it takes, in ms, from when a whole value is to be asserted until it is read. */
function waitsFor(assertions: PendingAssertions, now: number): number {
  assertions.add('k', WHOLE, now);
  for (let later = 0; later < 60_000; later += 5) {
    if (assertions.due(now + later).length > 0) return later;
  }
  assert.fail('it is never read');
}

test('many conflicts of a moment are one read', () => {
  const assertions = new PendingAssertions(0);
  assertions.add('k', { kind: 'expiry' }, 0);
  assertions.add('k', { kind: 'fields', names: ['f'] }, 10);
  assertions.add('k', { kind: 'cells', valueClass: 'zset', names: ['m'], integers: false }, 20);
  assert.deepEqual(assertions.due(29), []);
  assert.deepEqual(
    assertions.due(30).map(({ kind }) => kind),
    ['fields', 'cells', 'expiry'],
  );
  assert.equal(assertions.isEmpty, true);
});

test('a value asserted again and again waits longer each time, and each member another time', () => {
  const [first, second] = [new PendingAssertions(0), new PendingAssertions(1)];
  let now = 0;
  const waits = Array.from({ length: 5 }, () => {
    const both = [waitsFor(first, now), waitsFor(second, now)];
    now += 4000;
    return both;
  });
  assert.deepEqual(waits, [
    [30, 30],
    [60, 120],
    [120, 240],
    [240, 480],
    [480, 960],
  ]);
});

test('after a while it begins anew', () => {
  const assertions = new PendingAssertions(2);
  assert.equal(waitsFor(assertions, 0), 30);
  assert.equal(waitsFor(assertions, 1000), 180);
  assert.equal(waitsFor(assertions, 60_000), 30);
});

test('fields come with the expiry of the key, which they may bring back', () => {
  const assertions = new PendingAssertions(0);
  assertions.add('k', { kind: 'fields', names: ['f'] }, 0);
  assert.deepEqual(assertions.due(30), [
    { kind: 'fields', key: 'k', names: ['f'] },
    { kind: 'expiry', key: 'k', restates: true },
  ]);
});
