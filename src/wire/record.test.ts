import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CorruptInput } from '../base/errors.ts';
import {
  encodeRecord,
  RECORD_HEADER_BYTES,
  RecordReader,
  RecordType,
  recordBody,
} from './record.ts';

const records = fc.array(
  fc.record({
    type: fc.constantFrom(...Object.values(RecordType)),
    body: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  }),
  { minLength: 1, maxLength: 12 },
);

/** Feeds `bytes` in pieces that end at `cuts`, and takes what comes after each. */
function readInPieces(bytes: Buffer, cuts: number[]): { type: number; body: string }[] {
  const reader = new RecordReader();
  const found: { type: number; body: string }[] = [];
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  let from = 0;
  for (const end of ends) {
    reader.feed(bytes.subarray(from, end));
    from = end;
    for (let record = reader.next(); record !== undefined; record = reader.next()) {
      found.push({ type: record.type, body: recordBody(record).toString('hex') });
    }
  }
  assert.equal(reader.pendingBytes, 0);
  return found;
}

test('records survive any cutting and merging of the stream', () => {
  fc.assert(
    fc.property(records, fc.array(fc.nat(5000), { maxLength: 30 }), (sent, cuts) => {
      const bytes = Buffer.concat(sent.map(({ type, body }) => encodeRecord(type, body)));
      const expected = sent.map(({ type, body }) => ({ type, body: body.toString('hex') }));
      assert.deepEqual(readInPieces(bytes, cuts), expected);
      assert.deepEqual(
        readInPieces(
          bytes,
          Array.from(bytes, (_, i) => i),
        ),
        expected,
      );
    }),
  );
});

test('one flipped bit is noticed in the record that has it, and none before it is lost', () => {
  fc.assert(
    fc.property(records, fc.nat(), fc.nat(7), (sent, where, bit) => {
      const encoded = sent.map(({ type, body }) => encodeRecord(type, body));
      const bytes = Buffer.concat(encoded);
      const at = where % bytes.length;
      bytes[at] = (bytes[at] as number) ^ (1 << bit);
      let intact = 0;
      let end = 0;
      for (const record of encoded) {
        end += record.length;
        if (end > at) break;
        intact++;
      }
      const reader = new RecordReader();
      reader.feed(bytes);
      for (let i = 0; i < intact; i++) assert.equal(reader.next()?.type, sent[i]?.type);
      assert.throws(() => reader.next(), CorruptInput);
    }),
  );
});

test('noise is refused or waited for, never taken for a record', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
      const reader = new RecordReader();
      reader.feed(Buffer.from(noise));
      try {
        assert.equal(reader.next(), undefined);
        assert.ok(noise.length < RECORD_HEADER_BYTES);
      } catch (error) {
        assert.ok(error instanceof CorruptInput);
      }
    }),
  );
});
