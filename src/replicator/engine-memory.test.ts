import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { EngineMemory, isOutOfMemory } from './engine-memory.ts';

const LIMIT_BYTES = 1_000_000;

let dir = '';
let nowMs = 0;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'atoll-memory-'));
  nowMs = 100_000;
});
afterEach(() => rmSync(dir, { recursive: true }));

function info(used: number, limit = LIMIT_BYTES, policy = 'noeviction'): string {
  return [
    `used_memory:${used + 7}`,
    'mem_not_counted_for_evict:7',
    `maxmemory:${limit}`,
    `maxmemory_policy:${policy}`,
    'evicted_keys:3',
    '',
  ].join('\r\n');
}

function memory(reserve = 0.05): EngineMemory {
  const one = new EngineMemory(dir, reserve, () => nowMs);
  one.observed(info(500_000));
  return one;
}

test('as long as nothing was refused the limit is left alone', () => {
  const one = memory();
  assert.equal(one.raise('apply'), undefined);
  const { state, alarm, ...known } = one.status();
  assert.deepEqual([state, alarm], ['ok', null]);
  assert.deepEqual(known, {
    usedBytes: 500_000,
    limitBytes: LIMIT_BYTES,
    reserveBytes: 50_000,
    policy: 'noeviction',
    evictedKeys: 3,
    refusals: 0,
  });
});

test('after a refusal some transactions use the reserve, then one is tried without', () => {
  const one = memory();
  one.refused(false);
  assert.deepEqual(one.raise('apply'), { limitBytes: LIMIT_BYTES, raisedBytes: 1_050_000 });
  for (let i = 0; i < 4; i++) assert.ok(one.raise('apply'));
  assert.equal(one.raise('apply'), undefined);
  assert.ok(one.raise('read'));
  assert.equal(one.status().state, 'full');
  assert.match(one.status().alarm ?? '', /refuses writes of its clients.*reserve of 50 kB/);
  nowMs += 10_000;
  assert.equal(one.status().state, 'ok');
});

test('while the reserve is full it is tried once a second, and told', () => {
  const one = memory();
  one.refused(false);
  assert.ok(one.raise('apply'));
  one.refused(true);
  assert.equal(one.raise('apply'), undefined);
  nowMs += 500;
  assert.equal(one.raise('apply'), undefined);
  nowMs += 500;
  assert.ok(one.raise('apply'));
  nowMs += 3_600_000;
  assert.equal(one.status().state, 'waiting');
  assert.match(one.status().alarm ?? '', /so is the reserve: writes of other regions wait/);
  one.accepted(true);
  assert.equal(one.status().state, 'full');
  one.refused(true);
  one.accepted(false);
  nowMs += 10_000;
  assert.equal(one.status().state, 'ok');
});

test('the raised limit is not taken for the limit', () => {
  const one = memory();
  one.refused(false);
  one.raise('apply');
  one.observed(info(1_010_000, 1_050_000));
  assert.equal(one.status().limitBytes, LIMIT_BYTES);
  one.limited(2_000_000);
  assert.deepEqual(one.raise('apply'), { limitBytes: 2_000_000, raisedBytes: 2_100_000 });
});

test('a limit that someone set meanwhile is told from what it is raised to', () => {
  const one = memory();
  one.refused(false);
  const raise = one.raise('apply');
  assert.ok(raise);
  assert.ok(!one.isOther(LIMIT_BYTES, raise));
  assert.ok(!one.isOther(1_050_000, raise));
  assert.ok(!one.isOther(Number.NaN, raise));
  assert.ok(one.isOther(0, raise));
  assert.ok(one.isOther(3_000_000, raise));
});

test('what a process that died left raised is put back by the next, and nothing else is', () => {
  const one = memory();
  assert.equal(one.leftRaised(1_050_000), undefined);
  one.refused(false);
  one.raise('apply');
  const next = new EngineMemory(dir, 0.05, () => nowMs);
  assert.equal(next.leftRaised(LIMIT_BYTES), undefined);
  assert.deepEqual(next.leftRaised(1_050_000), {
    limitBytes: LIMIT_BYTES,
    raisedBytes: 1_050_000,
  });
});

test('without a limit or a reserve nothing is raised', () => {
  const none = memory(0);
  none.refused(false);
  assert.equal(none.raise('apply'), undefined);
  const unlimited = memory();
  unlimited.limited(0);
  unlimited.refused(false);
  assert.equal(unlimited.raise('apply'), undefined);
});

test('an engine that refuses clients says so before replication meets it', () => {
  const one = memory();
  one.observed(info(LIMIT_BYTES));
  assert.equal(one.status().state, 'full');
  one.observed(info(LIMIT_BYTES, LIMIT_BYTES, 'allkeys-lru'));
  assert.equal(one.status().state, 'ok');
});

test('refusals for want of memory are told from others', () => {
  assert.ok(isOutOfMemory("OOM command not allowed when used memory > 'maxmemory'."));
  assert.ok(!isOutOfMemory('NOPERM this user has no permissions'));
});
