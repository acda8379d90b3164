import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LiveIndex } from '../live/live-index.ts';
import type { LiveOp } from '../live/live-op.ts';
import { received, type TestOrigin, testOrigins, testReplicas } from '../live/ops.fixture.ts';
import { ConflictLog, type ConflictSettings } from './conflict-log.ts';

const MAX_BYTES = 8 * 1024 * 1024;

/** Three origins, and the log of the first of them. */
function group(settings: Partial<ConflictSettings> = {}) {
  const log = new ConflictLog(testReplicas(), { values: false, maxRecords: 10_000, ...settings });
  let nowMs = 0;
  const index = new LiveIndex(
    0,
    3,
    () => {},
    (op, conflict) => log.met(op.key, conflict, nowMs),
  );
  const [a, b] = testOrigins() as [TestOrigin, TestOrigin];
  const integrate = (...ops: LiveOp[]) => {
    for (const op of ops) index.integrate(received(op));
  };
  /** These two meet. */
  const meet = (mine: string, theirs: string, atMs = nowMs) => {
    nowMs = atMs;
    integrate(a.write(mine), b.write(theirs));
  };
  return { a, b, log, integrate, meet };
}

test('a record tells which two writes met on which key, and what became of them', () => {
  const { log, meet } = group();
  meet('HSET user:1 name Ada', 'HSET user:1 name Grace', 1234.5);
  const [record] = log.newestFirst();
  assert.ok(record);
  const { key, keyBytes, type, rule, cell, timeMs, skipped } = record;
  assert.deepEqual([key, keyBytes, timeMs, skipped], ['user:1', 6, 1234, 0]);
  assert.deepEqual([type, rule, cell], ['hash', 'newest assign wins', 'name']);
  assert.deepEqual([record.winner.replica, record.loser.replica].sort(), [1, 2]);
  assert.deepEqual(log.counts, { hash: { 'newest assign wins': 1 } });
  assert.deepEqual(log.countsByType, { hash: 1 });
});

test('an index and a library go by their names', () => {
  const { log, meet } = group();
  meet('FT.CREATE articles SCHEMA a TEXT', 'FT.CREATE articles SCHEMA b TEXT');
  meet('LIBRARIES functions LOAD two code1', 'LIBRARIES functions LOAD two code2');
  const named = log
    .newestFirst()
    .map(({ type, key, keyBytes, cell }) => [type, key, keyBytes, cell]);
  assert.deepEqual(named, [
    ['library', 'functions', 9, 'two'],
    ['search', 'articles', 8, undefined],
  ]);
});

test('what clients wrote is recorded only when that is asked for', () => {
  for (const values of [false, true]) {
    const { log, meet } = group({ values });
    meet('SET k secret1', 'SET k secret2');
    meet('SADD s secret3', 'SREM s secret3');
    meet('APPEND x secret4', 'APPEND x secret5');
    meet('PEXPIREAT e 1900000000000', 'PEXPIREAT e 1800000000000');
    const text = JSON.stringify(log.newestFirst());
    for (let i = 1; i <= 5; i++) assert.equal(text.includes(`secret${i}`), values, `secret${i}`);
    assert.ok(text.includes('1900000000000'), 'an expiry is no secret');
  }
});

test('writes that had seen each other leave nothing', () => {
  const { a, b, log, integrate } = group();
  const first = a.write('SET k 1');
  integrate(first, b.sees(first).write('SET k 2'));
  assert.deepEqual(log.counts, {});
  assert.deepEqual(log.newestFirst(), []);
});

test('a thousand conflicts at once are a thousand records', () => {
  const { log, meet } = group({ maxRecords: 2000 });
  for (let i = 0; i < 1000; i++) meet(`SET k${i} 1`, `SET k${i} 2`);
  assert.equal(log.newestFirst().length, 1000);
  assert.equal(log.newestFirst()[0]?.key, 'k999');
  assert.ok(log.newestFirst().every(({ skipped }) => skipped === 0));
});

test('on a hot key every conflict is counted and few are described', () => {
  const { a, b, log, integrate } = group();
  for (let i = 0; i < 5000; i++) {
    const theirs = b.write('INCR hot');
    integrate(a.write('INCR hot'), theirs);
    a.sees(theirs);
  }
  assert.equal(log.countsByType.string, 5000);
  assert.equal(log.newestFirst().length, 1000);
});

test('the number of records is bounded, and so are their bytes', () => {
  const few = group({ maxRecords: 3 });
  for (let i = 0; i < 10; i++) few.meet(`SET k${i} 1`, `SET k${i} 2`);
  assert.deepEqual(
    few.log.newestFirst().map(({ key }) => key),
    ['k9', 'k8', 'k7'],
  );
  const none = group({ maxRecords: 0 });
  none.meet('SET k 1', 'SET k 2');
  assert.deepEqual([none.log.newestFirst().length, none.log.countsByType.string], [0, 1]);
  const large = group({ values: true, maxRecords: 100_000 });
  for (let i = 0; i < 100; i++) {
    const key = `${i}`.padStart(100_000, 'k');
    large.meet(`SET ${key} ${'a'.repeat(100_000)}`, `SET ${key} ${'b'.repeat(100_000)}`);
  }
  const records = large.log.newestFirst();
  assert.equal(records.length, 100);
  assert.equal(records[0]?.keyBytes, 100_000);
  assert.ok(JSON.stringify(records).length < MAX_BYTES / 10, 'keys and values are cut');
});
