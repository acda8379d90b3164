import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { DIGEST_BYTES, SALT_BYTES, UNIT_BYTES_MAX, UNIT_BYTES_MIN, UnitCutter } from './units.ts';

const SALT = Buffer.alloc(SALT_BYTES, 's');

interface Cut {
  readonly units: readonly { bytes: Buffer; digest: string; at: number }[];
  readonly literals: number;
  /** Everything, in order. */
  readonly all: Buffer;
}

function cut(file: Buffer, sizes: readonly number[] = [], salt = SALT): Cut {
  const units: { bytes: Buffer; digest: string; at: number }[] = [];
  const all: Buffer[] = [];
  let literals = 0;
  const cutter = new UnitCutter(salt, {
    literal: (bytes) => {
      literals += bytes.length;
      all.push(Buffer.from(bytes));
    },
    unit: (bytes, digest, at) => {
      units.push({ bytes: Buffer.from(bytes), digest, at });
      all.push(Buffer.from(bytes));
    },
  });
  let fed = 0;
  for (let i = 0; fed < file.length; i++) {
    const chunk = file.subarray(fed, fed + (sizes[i % sizes.length] ?? file.length));
    cutter.take(chunk);
    fed += chunk.length;
  }
  cutter.end();
  return { units, literals, all: Buffer.concat(all) };
}

function string(text: string): Buffer {
  const length = Buffer.alloc(5, 0x80);
  length.writeUInt32BE(text.length, 1);
  return Buffer.concat([length, Buffer.from(text, 'latin1')]);
}

const value = (type: number, key: string, ...body: Buffer[]): Buffer =>
  Buffer.concat([Buffer.from([type]), string(key), ...body]);
const count = (elements: number): Buffer => {
  const bytes = Buffer.alloc(5, 0x80);
  bytes.writeUInt32BE(elements, 1);
  return bytes;
};
const EXPIRY = Buffer.from([252, 1, 2, 3, 4, 5, 6, 7, 8]);
const fileOf = (...values: Buffer[]): Buffer =>
  Buffer.concat([Buffer.from('REDIS0011'), ...values, Buffer.alloc(9, 255)]);

function sortedSet(members: readonly number[]): Buffer {
  const elements = members.flatMap((member) => {
    const score = Buffer.alloc(8);
    score.writeDoubleLE(member);
    return [string(`member ${member}`), score];
  });
  return value(5, 'sorted', count(members.length), ...elements);
}

/** How many bytes of `file` are in no unit of `other`. */
function missing(file: Buffer, other: Buffer): number {
  const known = new Set(cut(other).units.map(({ digest }) => digest));
  const { units, literals } = cut(file);
  const lacking = units.filter(({ digest }) => !known.has(digest));
  return literals + lacking.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

test('the units are the file, wherever it is cut', () => {
  const values = [
    value(0, 'short', string('x')),
    value(0, 'a', string('x'.repeat(300))),
    value(0, 'huge', string('y'.repeat(3 * UNIT_BYTES_MAX))),
    EXPIRY,
    sortedSet(Array.from({ length: 3000 }, (_, i) => i)),
    value(2, 'set', count(2), string('z'.repeat(100)), string('small')),
  ];
  const file = fileOf(...values);
  const whole = cut(file);
  assert.deepEqual(whole.all, file);
  for (const { bytes, at } of whole.units) {
    assert.deepEqual(bytes, file.subarray(at, at + bytes.length), 'it is where it says');
    assert.ok(bytes.length >= UNIT_BYTES_MIN && bytes.length <= UNIT_BYTES_MAX);
  }
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 10 }),
      (sizes) => assert.deepEqual(cut(file, sizes).units, whole.units),
    ),
    { numRuns: 30 },
  );
  assert.deepEqual(cut(file, [1]).units, whole.units, 'byte by byte');
});

test('a digest is made of the salt and the bytes', () => {
  const bytes = value(0, 'k', string('x'.repeat(100)));
  const [unit] = cut(fileOf(bytes)).units;
  const hash = createHash('sha256').update(SALT).update(bytes).digest();
  assert.equal(unit?.digest, hash.latin1Slice(0, DIGEST_BYTES));
  const salted = cut(fileOf(bytes), [], Buffer.alloc(SALT_BYTES, 't'));
  assert.notEqual(salted.units[0]?.digest, unit?.digest);
});

test('expiries are in no unit: a session that was extended is the same value', () => {
  const session = value(0, 'session', string('x'.repeat(500)));
  const later = Buffer.from([252, 9, 2, 3, 4, 5, 6, 7, 8]);
  assert.ok(missing(fileOf(later, session), fileOf(EXPIRY, session)) < 60);
});

test('another value of a key is another unit, also where only the type or the key is another', () => {
  const body = string('x'.repeat(200));
  for (const other of [value(11, 'k', body), value(0, 'l', body)]) {
    assert.ok(missing(fileOf(value(0, 'k', body)), fileOf(other)) > 200);
  }
});

test('of a hash table each element is found, in whatever order', () => {
  const elements = Array.from({ length: 500 }, (_, i) => string(`${i}`.padEnd(200, 'x')));
  const set = (members: Buffer[]): Buffer =>
    fileOf(value(2, 'set', count(members.length), ...members));
  const shuffled = [...elements].sort((a, b) => a.compare(b));
  assert.ok(missing(set(elements), set(shuffled)) < 100);
});

test('of a long sorted set only what changed is missing, and what is around it', () => {
  const members = Array.from({ length: 20_000 }, (_, i) => i);
  const before = fileOf(sortedSet(members));
  for (const changed of [
    [-1, ...members],
    [...members, 1e9],
    members.filter((m) => m !== 10_000),
  ]) {
    const after = fileOf(sortedSet(changed));
    assert.ok(after.length > 400_000);
    assert.ok(missing(after, before) < 20_000, `${missing(after, before)} bytes are missing`);
  }
});

test('of a long list only changed nodes are missing', () => {
  const node = (i: number): Buffer =>
    Buffer.concat([Buffer.from([2]), string(`${i}`.padEnd(4000, '.'))]);
  const nodes = Array.from({ length: 100 }, (_, i) => node(i));
  const list = (all: Buffer[]): Buffer => fileOf(value(18, 'list', count(all.length), ...all));
  const pushed = [node(-1), ...nodes.slice(0, 50), node(1000), ...nodes.slice(51)];
  assert.ok(missing(list(pushed), list(nodes)) < 3 * 4100);
});

test('what cannot be split is literal', () => {
  const strange = fileOf(value(0, 'k', string('x'.repeat(100))), Buffer.alloc(5000, 99));
  const { units, all } = cut(strange);
  assert.equal(units.length, 1);
  assert.deepEqual(all, strange);
});

test('a file that breaks off is given out to its end', () => {
  const file = fileOf(value(0, 'k', string('x'.repeat(1000)))).subarray(0, 500);
  assert.deepEqual(cut(file).all, file);
});
