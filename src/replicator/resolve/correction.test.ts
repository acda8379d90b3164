import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type TestOrigin, testOrigins } from '../live/ops.fixture.ts';
import { correctionFor } from './correction.ts';

const OVERFLOW = 'ERR increment or decrement would overflow';

function correction(command: string, message: string): string | undefined {
  const [origin] = testOrigins();
  return correctionFor((origin as TestOrigin).write(command), message)?.join(' ');
}

test('an increment that left the range is clamped at the end it went to', () => {
  assert.equal(correction('INCRBY k 5', OVERFLOW), 'SET k 9223372036854775807 KEEPTTL');
  assert.equal(correction('DECR k', OVERFLOW), 'SET k -9223372036854775808 KEEPTTL');
  assert.equal(correction('HINCRBY k f 5', OVERFLOW), 'HSET k f 9223372036854775807');
  assert.equal(correction('HINCRBY k f -5', OVERFLOW), 'HSET k f -9223372036854775808');
});

test('a score that would be no number becomes 0', () => {
  const message = 'ERR resulting score is not a number (NaN)';
  assert.equal(correction('ZINCRBY k -inf m', message), 'ZADD k 0 m');
});

test('any other refusal has no correction', () => {
  const wrongType = 'WRONGTYPE Operation against a key holding the wrong kind of value';
  assert.equal(correction('INCRBY k 5', wrongType), undefined);
  assert.equal(correction('SET k 5', OVERFLOW), undefined);
  assert.equal(correction('INCRBY k 5', 'ERR value is not an integer or out of range'), undefined);
});
