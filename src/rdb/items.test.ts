import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CorruptInput } from '../base/errors.ts';
import { Crc64 } from './crc64.ts';
import { RdbItems } from './items.ts';

const bytes = (...parts: (string | number | number[] | Buffer)[]): Buffer =>
  Buffer.concat(
    parts.map((part) => {
      if (Buffer.isBuffer(part)) return part;
      return typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from([part].flat());
    }),
  );

function withSum(body: Buffer): Buffer {
  const file = Buffer.concat([body, Buffer.alloc(8)]);
  new Crc64().update(body).write(file, body.length);
  return file;
}

const AUX = bytes(0xfa, 3, 'ver', 3, '7.0');
const SELECT = bytes(0xfe, 0, 0xfb, 3, 1);
const FILE = withSum(
  bytes(
    ...['REDIS0010', AUX, SELECT],
    ...[0xf5, 4, 'code'],
    ...[0, 1, 'a', 3, 'abc'],
    // Expires; its key is a number, its value a list of two.
    ...[0xfc, [0, 0xe4, 0x0b, 0x54, 2, 0, 0, 0], 1, 0xc1, [0x39, 0x30], 2, 1, 'x', 1, 'y'],
    // Its key is compressed: one byte, and nine times the same.
    ...[0, 0xc3, 5, 10, [0, 0x6b, 0xe0, 0, 0], 0, 0xff],
  ),
);

function read(file: Buffer, size = file.length) {
  const items = new RdbItems();
  const found: (readonly [key: string, expiresAtMs: number | null, payload: string])[] = [];
  for (let from = 0; from < file.length; from += size) {
    for (const item of items.take(Buffer.from(file.subarray(from, from + size)))) {
      if (item.kind === 'library') found.push([`library ${item.code.toString()}`, null, '']);
      else {
        const payload = item.payload();
        const sum = payload.subarray(-8);
        assert.ok(new Crc64().update(payload.subarray(0, -8)).equals(sum));
        assert.equal(payload.readUInt16LE(payload.length - 10), 10);
        found.push([
          item.key.toString(),
          item.expiresAtMs,
          payload.toString('hex', 0, payload.length - 10),
        ]);
      }
    }
  }
  items.end();
  return found;
}

const EXPECTED = [
  ['library code', null, ''],
  ['a', null, '0003616263'],
  ['12345', 10_000_000_000, '010201780179'],
  ['k'.repeat(10), null, '0000'],
];

test('keys come with their expiries, and values as RESTORE takes them, however the file is cut', () => {
  for (const size of [FILE.length, 1, 2, 3, 5, 7, 13, 40]) {
    assert.deepEqual(read(FILE, size), EXPECTED, `in pieces of ${size}`);
  }
});

test('a file without a checksum is taken, one with a wrong one is not', () => {
  const unsummed = Buffer.from(FILE).fill(0, FILE.length - 8);
  assert.deepEqual(read(unsummed, 9), EXPECTED);
  for (let at = 9; at < FILE.length; at += 3) {
    const changed = Buffer.from(FILE);
    changed[at] = (changed[at] as number) ^ 0x10;
    assert.throws(() => read(changed), CorruptInput, `byte ${at}`);
  }
});

test('what is cut, or no RDB file, or for another database, is refused with a reason', () => {
  for (let length = 0; length < FILE.length; length += 4) {
    assert.throws(() => read(FILE.subarray(0, length)), CorruptInput, `${length} bytes`);
  }
  assert.throws(() => read(Buffer.from('<?xml version="1.0"?>')), /does not begin as an RDB/);
  assert.throws(() => read(withSum(bytes('REDIS0003', 0xff))), /too old/);
  const second = withSum(bytes('REDIS0010', 0xfe, 1, 0, 1, 'a', 1, 'b', 0xff));
  assert.throws(() => read(second), /database 1/);
  // A compressed string that says that it becomes a petabyte.
  const bomb = bytes('REDIS0010', 0, 0xc3, 1, 0x81, [0, 4, 0, 0, 0, 0, 0, 0], 0, 0, 0xff);
  assert.throws(() => read(withSum(bomb)), /too long/);
});
