import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CorruptInput } from '../../base/errors.ts';
import { encodeStrings } from '../../resp/encode.ts';
import { ReplicaRequests } from './replica-requests.ts';
import { Throttle } from './throttle.ts';

test('a throttle lets so many bytes a second pass, in bursts of some size', () => {
  const throttle = new Throttle();
  assert.equal(throttle.allowance(0), Number.POSITIVE_INFINITY);
  const rate = 1_000_000;
  throttle.set(rate, 0);
  let sent = 0;
  let sends = 0;
  for (let nowMs = 0; nowMs <= 10_000; nowMs += 0.25) {
    const allowed = throttle.allowance(nowMs);
    if (allowed === 0) continue;
    throttle.spend(allowed);
    sent += allowed;
    sends++;
  }
  assert.ok(Math.abs(sent - rate * 10) <= rate * 0.1, `${sent} bytes`);
  // Whoever sends as long as he may comes to an end: each time it is worth it.
  assert.ok(sends <= 250, `${sends} times`);
});

test('what was sent beyond the allowance is missing later, and a lifted limit is none', () => {
  const throttle = new Throttle();
  throttle.set(1000, 0);
  assert.equal(throttle.allowance(0), 0);
  throttle.spend(10_000);
  assert.equal(throttle.allowance(9_000), 0);
  assert.ok(throttle.waitMs > 1000);
  assert.ok(throttle.allowance(14_200) > 0);
  throttle.set(null, 14_200);
  assert.equal(throttle.allowance(14_200), Number.POSITIVE_INFINITY);
  assert.equal(throttle.waitMs, 0);
});

test('a replica may follow, and nothing else, however its words are cut', () => {
  const asked: number[] = [];
  const requests = new ReplicaRequests((offset) => asked.push(offset));
  const words = Buffer.concat([
    encodeStrings(['PING']),
    encodeStrings(['REPLCONF', 'capa', 'eof', 'capa', 'psync2']),
    encodeStrings(['PSYNC', 'f'.repeat(40), '77']),
    Buffer.from('\n\n'),
    encodeStrings(['replconf', 'ACK', '80']),
  ]);
  for (const byte of words) requests.judge(Buffer.from([byte]));
  assert.deepEqual(asked, [77]);
  const flush = encodeStrings(['FLUSHALL']);
  requests.judge(flush.subarray(0, flush.length - 1));
  assert.throws(() => requests.judge(flush.subarray(flush.length - 1)), CorruptInput);
});

test('a replica does not speak without end', () => {
  const requests = new ReplicaRequests(() => {});
  requests.judge(Buffer.from('*2\r\n$8\r\nREPLCONF\r\n$200000\r\n'));
  assert.throws(() => requests.judge(Buffer.alloc(100_000)), CorruptInput);
});
