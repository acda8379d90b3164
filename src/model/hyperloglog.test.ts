import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isHyperLogLog } from './hyperloglog.ts';

const header = (encoding: number): string =>
  `HYLL${String.fromCharCode(encoding, 0, 0, 0)}${'\0'.repeat(8)}`;
const empty = `${header(1)}\x7f\xff`;
const bytes = (...codes: number[]): string => String.fromCharCode(...codes);

test('both encodings are told by their registers', () => {
  assert.equal(isHyperLogLog(empty), true);
  assert.equal(isHyperLogLog(`${header(0)}${'\0'.repeat(12288)}`), true);
  // 64 zeros, 3 values of 5, and the rest as zeros.
  const rest = 16384 - 64 - 3 - 1;
  const runs = bytes(63, 0x80 | (4 << 2) | 2, 0x40 | (rest >> 8), rest & 0xff);
  assert.equal(isHyperLogLog(header(1) + runs), true);
});

test('what the engine would refuse is none', () => {
  for (const other of [
    '',
    'HYLL',
    'HYLM'.padEnd(16, '\0'),
    'a string that is longer than a header',
    header(1),
    header(2) + bytes(0x7f, 0xff),
    `${header(0)}${'\0'.repeat(12287)}`,
    header(1) + bytes(0x7f, 0xfe),
    header(1) + bytes(0x7f, 0xff, 0),
    header(1) + bytes(0x7f),
    `${empty}x`,
  ]) {
    assert.equal(isHyperLogLog(other), false, JSON.stringify(other.slice(0, 40)));
  }
});
