import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  cpuSeconds,
  parseResidentBytes,
  parseStat,
  residentBytes,
  withDescendants,
} from './proc.ts';

function stat(command: string, times: string): string {
  return `4711 (${command}) S 42 4711 4711 0 -1 4194560 100 200 0 0 ${times} 20 0 5 0 123456 1000 200 18446744073709551615\n`;
}

test('adds user and system time of the process and of its reaped children', () => {
  assert.deepEqual(parseStat(stat('redis-server', '150 50 7 3')), {
    pid: 4711,
    parentPid: 42,
    cpuSeconds: 2.1,
  });
});

test('a command name with blanks and parentheses does not shift the fields', () => {
  assert.equal(parseStat(stat('node (main) 1 2', '100 0 0 0')).cpuSeconds, 1);
  assert.equal(parseStat(stat('a) S 9 9 (b', '100 0 0 0')).parentPid, 42);
});

test('other content is refused', () => {
  assert.throws(() => parseStat('4711 (x) S 42'), /not the content/);
  assert.throws(() => parseStat(''), /not the content/);
});

test('resident memory comes in kB, a zombie has none', () => {
  assert.equal(parseResidentBytes('Name:\tx\nVmRSS:\t    2048 kB\nThreads:\t1\n'), 2048 * 1024);
  assert.equal(parseResidentBytes('Name:\tx\nState:\tZ (zombie)\n'), 0);
});

test('descendants are found over several generations and in any order', () => {
  const all = [
    { pid: 5, parentPid: 9, cpuSeconds: 1 },
    { pid: 9, parentPid: 3, cpuSeconds: 1 },
    { pid: 3, parentPid: 1, cpuSeconds: 1 },
    { pid: 4, parentPid: 1, cpuSeconds: 1 },
  ];
  assert.deepEqual(
    withDescendants(all, [3, 9]).map((one) => one.pid),
    [5, 9, 3],
  );
});

test('this process uses memory and time, and a missing process is an error, not zero', () => {
  assert.ok(residentBytes([process.pid]) > 1_000_000);
  assert.ok(cpuSeconds([process.pid]) > 0);
  assert.throws(() => cpuSeconds([2 ** 30]), /ended unexpectedly/);
});
