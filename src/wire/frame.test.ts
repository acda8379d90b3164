import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CorruptInput } from '../base/errors.ts';
import { OP_KIND_MAX } from '../model/op.ts';
import {
  decodeFrameHeader,
  FRAME_BYTES_TARGET,
  type FrameHeader,
  FrameWriter,
  OpCursor,
  sealFrame,
} from './frame.ts';
import { RECORD_HEADER_BYTES, RecordReader, RecordType } from './record.ts';

interface OpText {
  readonly kind: number;
  readonly flags: number;
  readonly key: string;
  readonly raw: string;
}

interface FrameText {
  readonly origin: number;
  readonly deps: [number, number][];
  readonly firstSeq: number;
  readonly firstTimestamp: number;
  readonly capturedAt: number;
  readonly position: number;
  readonly ops: OpText[];
}

const id = fc.integer({ min: 1, max: 2 ** 32 - 1 });
const whole = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const binary = (max: number) =>
  fc.uint8Array({ maxLength: max }).map((bytes) => Buffer.from(bytes).toString('latin1'));

const opText: fc.Arbitrary<OpText> = fc
  .record({
    kind: fc.integer({ min: 1, max: OP_KIND_MAX }),
    flags: fc.integer({ min: 0, max: 3 }),
    head: binary(20),
    key: binary(30),
    tail: binary(60),
  })
  .map(({ kind, flags, head, key, tail }) => ({ kind, flags, key, raw: head + key + tail }));

const frameText: fc.Arbitrary<FrameText> = fc.record(
  {
    origin: id,
    deps: fc.array(fc.tuple(id, whole), { maxLength: 5 }),
    firstSeq: whole,
    firstTimestamp: whole,
    capturedAt: fc.double({ min: 0, max: 4e12, noNaN: true }).filter((ms) => !Object.is(ms, -0)),
    position: whole,
    ops: fc.array(opText, { minLength: 1, maxLength: 8 }),
  },
  { noNullPrototype: true },
);

function encode(text: FrameText, writer = new FrameWriter(text.origin)): Buffer {
  const [first] = text.ops;
  const { deps, firstSeq, firstTimestamp, capturedAt } = text;
  writer.begin(deps, firstSeq, firstTimestamp, capturedAt, first?.raw.length ?? 0);
  for (const { kind, flags, key, raw } of text.ops) {
    const source = Buffer.from(raw, 'latin1');
    writer.add(kind, flags, raw.indexOf(key), key.length, source, 0, source.length);
  }
  return sealFrame(writer.end(text.position));
}

function decode(bytes: Buffer): FrameText {
  const header: FrameHeader = decodeFrameHeader(bytes);
  const cursor = new OpCursor(bytes, header.opsAt);
  const ops: OpText[] = [];
  while (cursor.next()) {
    const { kind, flags, keyAt, keyEnd, rawAt, rawEnd } = cursor;
    ops.push({
      kind,
      flags,
      key: bytes.latin1Slice(keyAt, keyEnd),
      raw: bytes.latin1Slice(rawAt, rawEnd),
    });
  }
  assert.equal(ops.length, header.count);
  const { origin, deps, firstSeq, firstTimestamp, capturedAt, position } = header;
  return {
    origin,
    deps: deps.map(([d, s]) => [d, s]),
    firstSeq,
    firstTimestamp,
    capturedAt,
    position,
    ops,
  };
}

test('a frame is decoded as it was encoded', () => {
  fc.assert(fc.property(frameText, (text) => assert.deepEqual(decode(encode(text)), text)));
});

test('frames of one writer do not write over each other', () => {
  fc.assert(
    fc.property(fc.array(frameText, { maxLength: 12 }), (texts) => {
      const writer = new FrameWriter(7);
      const frames = texts.map((text) => encode(text, writer));
      frames.forEach((frame, i) => {
        assert.deepEqual(decode(frame), { ...texts[i], origin: 7 });
      });
    }),
  );
});

test('a frame is full near its target, but takes one op of any size', () => {
  const writer = new FrameWriter(1);
  const huge = Buffer.alloc(3 * FRAME_BYTES_TARGET, 65);
  writer.begin([], 1, 1, 1, huge.length);
  assert.ok(writer.hasRoomFor(huge.length));
  writer.add(2, 0, 0, 1, huge, 0, huge.length);
  assert.ok(!writer.hasRoomFor(1));
  assert.equal(decode(sealFrame(writer.end(5))).ops[0]?.raw.length, huge.length);
});

test('a flag can be added until the frame is sealed', () => {
  const writer = new FrameWriter(1);
  const raw = Buffer.from('xk');
  writer.begin([], 1, 1, 1, raw.length);
  const rawAt = writer.add(2, 1, 1, 1, raw, 0, raw.length);
  const { buffer } = writer;
  const frame = writer.end(5);
  writer.addFlag(buffer, rawAt, 2);
  assert.equal(decode(sealFrame(frame)).ops[0]?.flags, 3);
});

test('a header with impossible numbers is refused', () => {
  const valid = encode({
    origin: 1,
    deps: [[2, 5]],
    firstSeq: 1,
    firstTimestamp: 1,
    capturedAt: 1,
    position: 1,
    ops: [{ kind: 1, flags: 0, key: 'k', raw: 'k' }],
  });
  const body = RECORD_HEADER_BYTES;
  const changes: ((bytes: Buffer) => void)[] = [
    (bytes) => bytes.writeUInt32LE(0, body + 4),
    (bytes) => bytes.writeDoubleLE(0, body + 8),
    (bytes) => bytes.writeDoubleLE(1.5, body + 8),
    (bytes) => bytes.writeDoubleLE(Number.NaN, body + 8),
    (bytes) => bytes.writeDoubleLE(2 ** 60, body + 16),
    (bytes) => bytes.writeUInt32LE(0xffffffff, body + 40),
  ];
  for (const change of changes) {
    const bytes = Buffer.from(valid);
    change(bytes);
    assert.throws(() => decodeFrameHeader(bytes), CorruptInput, String(change));
  }
});

test('an op that overlaps its end, or is of no known kind, is refused', () => {
  const raw = 'some raw bytes';
  const op = { kind: 1, flags: 0, key: 'raw', raw };
  const rest = { origin: 1, deps: [], firstSeq: 1, firstTimestamp: 1, capturedAt: 1, position: 1 };
  const changes: ((bytes: Buffer, at: number) => void)[] = [
    (bytes, at) => bytes.writeUInt8(0, at),
    (bytes, at) => bytes.writeUInt8(OP_KIND_MAX + 1, at),
    (bytes, at) => bytes.writeUInt16LE(raw.length, at + 2),
    (bytes, at) => bytes.writeUInt32LE(0xffffffff, at + 4),
    (bytes, at) => bytes.writeUInt32LE(raw.length + 1, at + 8),
  ];
  for (const change of changes) {
    const bytes = Buffer.from(encode({ ...rest, ops: [op] }));
    change(bytes, decodeFrameHeader(bytes).opsAt);
    assert.throws(() => decode(bytes), CorruptInput, String(change));
  }
});

const damage = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at: fc.nat(), byte: fc.nat({ max: 255 }) }),
  fc.record({ kind: fc.constant('cut' as const), at: fc.nat() }),
  fc.record({
    kind: fc.constant('insert' as const),
    at: fc.nat(),
    bytes: fc.uint8Array({ maxLength: 40 }),
  }),
  fc.record({
    kind: fc.constant('remove' as const),
    at: fc.nat(),
    count: fc.integer({ min: 1, max: 40 }),
  }),
);

function damaged(
  bytes: Buffer,
  damages: (typeof damage extends fc.Arbitrary<infer T> ? T : never)[],
): Buffer {
  let result = Buffer.from(bytes);
  for (const change of damages) {
    const at = change.at % (result.length + 1);
    if (change.kind === 'flip' && at < result.length) result[at] = change.byte;
    else if (change.kind === 'cut') result = result.subarray(0, at);
    else if (change.kind === 'insert') {
      result = Buffer.concat([result.subarray(0, at), change.bytes, result.subarray(at)]);
    } else if (change.kind === 'remove') {
      result = Buffer.concat([result.subarray(0, at), result.subarray(at + change.count)]);
    }
  }
  return result;
}

test('a stream of frames that was damaged gives whole, equal frames until it is refused', () => {
  fc.assert(
    fc.property(
      fc.array(frameText, { minLength: 1, maxLength: 4 }),
      fc.array(damage, { minLength: 1, maxLength: 3 }),
      fc.array(fc.nat(), { maxLength: 5 }),
      (texts, damages, cuts) => {
        const bytes = damaged(Buffer.concat(texts.map((text) => encode(text))), damages);
        const reader = new RecordReader();
        const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort(
          (a, b) => a - b,
        );
        let from = 0;
        try {
          for (const end of ends) {
            reader.feed(bytes.subarray(from, end));
            from = end;
            for (let record = reader.next(); record !== undefined; record = reader.next()) {
              assert.equal(record.type, RecordType.ops);
              // Removed or doubled frames are noticed by their sequence; what is read is what was written.
              const read = decode(record.bytes);
              assert.ok(texts.some((text) => JSON.stringify(text) === JSON.stringify(read)));
            }
          }
        } catch (error) {
          assert.ok(error instanceof CorruptInput, String(error));
        }
      },
    ),
    { numRuns: 500 },
  );
});

test('the decoder alone, without a checksum, ends on any bytes with ops inside them or a refusal', () => {
  fc.assert(
    fc.property(frameText, fc.array(damage, { minLength: 1, maxLength: 4 }), (text, damages) => {
      const bytes = damaged(encode(text), damages);
      try {
        const header = decodeFrameHeader(bytes);
        const cursor = new OpCursor(bytes, header.opsAt);
        while (cursor.next()) {
          assert.ok(cursor.rawAt <= cursor.keyAt && cursor.keyAt <= cursor.keyEnd);
          assert.ok(cursor.keyEnd <= cursor.rawEnd && cursor.rawEnd <= bytes.length);
        }
      } catch (error) {
        assert.ok(error instanceof CorruptInput, String(error));
      }
    }),
    { numRuns: 1000 },
  );
});
