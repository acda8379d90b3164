import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { CorruptInput } from '../../base/errors.ts';
import { SyncGate } from './sync-gate.ts';

const ID = 'a1'.repeat(20);
const MARK = '0123456789abcdefghij'.repeat(2);
const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Feeds `input` cut at `cuts`, with the limit rising as `limits` say; returns what passed. */
function passed(gate: SyncGate, input: Buffer, sizes: number[], limits: number[]): Buffer {
  const out: Buffer[] = [];
  let limit = limits[0] ?? 0;
  let turn = 0;
  for (let at = 0; at < input.length; ) {
    let held = input.subarray(at, at + (sizes[turn % sizes.length] ?? 1));
    at += held.length;
    // As a tunnel does: what did not pass comes again, first.
    for (;;) {
      const passing = gate.pass(held, limit);
      out.push(Buffer.from(held.subarray(0, passing)));
      held = held.subarray(passing);
      if (held.length === 0) break;
      // A snapshot begins or ends here.
      if (passing > 0) continue;
      const next = limits[++turn];
      if (next === undefined) return Buffer.concat(out);
      limit = Math.max(limit, next);
    }
    turn++;
  }
  return Buffer.concat(out);
}

describe('a full resync', () => {
  const snapshots: fc.Arbitrary<{ head: string; snapshot: Buffer }> = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => ({
      head: `$${bytes.length}\r\n`,
      snapshot: Buffer.from(bytes),
    })),
    // Snapshots full of beginnings of the mark.
    fc
      .array(fc.oneof(fc.integer({ min: 0, max: 39 }), fc.constant(-1)), { maxLength: 12 })
      .map((cuts) => ({
        head: `$EOF:${MARK}\r\n`,
        snapshot: bytesOf(
          `${cuts.map((cut) => (cut < 0 ? 'REDIS' : `${MARK.slice(0, cut)}.`)).join('')}${MARK}`,
        ),
      })),
  );

  test('passes everything up to the limit and nothing beyond, however it is cut', () => {
    fc.assert(
      fc.property(
        snapshots,
        fc.uint8Array({ maxLength: 400 }),
        fc.integer({ min: 0, max: 1000 }),
        fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 20 }),
        fc.array(fc.integer({ min: 0, max: 1500 }), { minLength: 1, maxLength: 20 }),
        fc.array(fc.constantFrom('\n', '+PONG\r\n', '+OK\r\n', '-ERR what\r\n'), { maxLength: 5 }),
        ({ head, snapshot }, streamBytes, offset, sizes, limits, answers) => {
          const stream = Buffer.from(streamBytes);
          const before = `${answers.join('')}+FULLRESYNC ${ID} ${offset}\r\n\n\n${head}`;
          const input = Buffer.concat([bytesOf(before), snapshot, stream]);
          const gate = new SyncGate();
          const out = passed(gate, input, sizes, limits);
          assert.deepEqual(out, input.subarray(0, out.length));
          const highest = Math.max(...limits);
          const free = input.length - stream.length;
          assert.ok(out.length <= free + Math.max(0, Math.min(stream.length, highest - offset)));
          if (out.length === input.length) {
            assert.equal(gate.phase, 'stream');
            assert.equal(gate.position, offset + stream.length);
          } else {
            assert.equal(gate.phase, 'stream', 'only the stream is held back');
            assert.equal(gate.position, offset + out.length - free);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('passes exactly up to a limit that rises', () => {
    const gate = new SyncGate();
    const head = bytesOf(`+FULLRESYNC ${ID} 100\r\n$3\r\nRDB`);
    assert.equal(gate.pass(head, 0), head.length - 3);
    assert.equal(gate.phase, 'snapshot');
    assert.equal(gate.pass(head.subarray(-3), 0), 3);
    assert.equal(gate.phase, 'stream');
    assert.equal(gate.totalBytes, 3);
    const stream = Buffer.alloc(50);
    assert.equal(gate.pass(stream, 100), 0);
    assert.equal(gate.pass(stream, 90), 0);
    assert.equal(gate.pass(stream, 107), 7);
    assert.equal(gate.pass(stream.subarray(7), 108), 1);
    assert.equal(gate.pass(stream.subarray(8), Number.POSITIVE_INFINITY), 42);
    assert.equal(gate.position, 150);
  });

  test('an empty snapshot is followed by the stream', () => {
    const gate = new SyncGate();
    const head = bytesOf(`+FULLRESYNC ${ID} 0\r\n$0\r\n`);
    assert.equal(gate.pass(Buffer.concat([head, bytesOf('abc')]), 2), head.length + 2);
  });
});

test('a partial resync goes on where the replica asked for', () => {
  const gate = new SyncGate();
  gate.asked(501);
  const head = bytesOf(`+PONG\r\n+OK\r\n+CONTINUE ${ID}\r\n`);
  assert.equal(gate.pass(Buffer.concat([head, bytesOf('0123456789')]), 504), head.length + 4);
  assert.equal(gate.position, 504);
  assert.equal(gate.fullSyncs, 0);
});

for (const nonsense of [
  'HTTP/1.1 400 Bad Request\r\n',
  '+CONTINUE\r\n',
  `+FULLRESYNC ${ID} 5\r\n$EOF:short\r\n`,
  `+FULLRESYNC ${ID} 5\r\n+OK\r\n`,
  'x'.repeat(70_000),
]) {
  test(`no engine says ${JSON.stringify(nonsense.slice(0, 60))}`, () => {
    assert.throws(() => new SyncGate().pass(bytesOf(nonsense), 1e9), CorruptInput);
  });
}
