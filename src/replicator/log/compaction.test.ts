import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { OpFlag, OpKind } from '../../model/op.ts';
import {
  decodeFrameHeader,
  FrameWriter,
  OpCursor,
  sealFrame,
  withoutOps,
} from '../../wire/frame.ts';
import { encodeRecord, RecordType } from '../../wire/record.ts';
import { Compaction, type Judge } from './compaction.ts';
import { makeFrame, temporaryDirectory } from './frames.fixture.ts';
import { Log } from './log.ts';

const FRAME_OPS = 10;
const NOTHING = new Map<number, number>();

function openLog(dir: string, segmentBytes = 16_384): Log {
  const { log, records } = Log.open(dir, {
    segmentBytes,
    fsync: 'no',
    checkpoint: () => encodeRecord(RecordType.checkpoint, Buffer.from('state')),
    logger: { warn() {} },
    // Everything is read from the files.
    tailBytes: 0,
  });
  assert.ok([...records].length >= 0);
  return log;
}

/** Kinds of the ops of an origin, from the first on. */
function kindsIn(log: Log, origin: number): number[] {
  const kinds: number[] = [];
  for (let seq = 0; ; ) {
    const frame = log.frameAfter(origin, seq);
    if (frame === undefined) return kinds;
    const { firstSeq, count, opsAt } = decodeFrameHeader(frame);
    assert.equal(firstSeq, seq + 1);
    const cursor = new OpCursor(frame, opsAt);
    while (cursor.next()) kinds.push(cursor.kind);
    seq = firstSeq + count - 1;
  }
}

/** Every second op goes. */
const everySecond: Judge = (frame) => {
  const { count } = decodeFrameHeader(frame);
  return new Set(Array.from({ length: count }, (_, i) => i).filter((i) => i % 2 === 0));
};

interface Made {
  readonly log: Log;
  readonly compaction: Compaction;
  readonly messages: string[];
  pass(frontier?: ReadonlyMap<number, number>): Promise<void>;
}

function made(dir: string, judge: Judge = everySecond): Made {
  const log = openLog(dir);
  for (let i = 0; i < 60; i++) {
    log.append([makeFrame(1, i * FRAME_OPS + 1, FRAME_OPS), makeFrame(2, i + 1, 1, 300)]);
  }
  const messages: string[] = [];
  const note = (_: unknown, message?: string): void => void messages.push(message ?? '');
  const logger = { info: note, warn: note } as never;
  const compaction = new Compaction({ log, judge: () => judge, logger, bytesMin: 1024 });
  const pass = async (frontier: ReadonlyMap<number, number> = NOTHING): Promise<void> => {
    compaction.consider(frontier);
    await compaction.settled();
  };
  return { log, compaction, messages, pass };
}

test('what is superseded goes from complete segments; all ops keep their places, also after a start', async (t) => {
  const dir = temporaryDirectory(t);
  const { log, pass } = made(dir);
  const before = log.bytes;
  const segments = log.sealed.length;
  assert.ok(segments >= 2);
  const last = log.sealed.at(-1)?.origins.get(1)?.lastSeq ?? 0;
  await pass();
  assert.ok(log.bytes < before * 0.9, `${log.bytes} of ${before}`);
  const kinds = kindsIn(log, 1);
  assert.equal(kinds.length, 600);
  kinds.forEach((kind, i) => {
    const isTaken = i < last && i % 2 === 0;
    assert.equal(kind === OpKind.superseded, isTaken, `op ${i + 1}`);
  });
  for (const seq of [1, 77, last, 600]) {
    const frame = log.frameWith(1, seq);
    const { firstSeq, count } = decodeFrameHeader(frame ?? assert.fail(`${seq} is there`));
    assert.ok(firstSeq <= seq && seq < firstSeq + count);
  }
  assert.deepEqual(log.pending(1, 100).ops, 500);
  await log.close();
  const again = openLog(dir);
  assert.deepEqual(kindsIn(again, 1), kinds);
  assert.equal(kindsIn(again, 2).length, 60);
  await again.close();
});

test('a pass begins when much is kept, and again when it has doubled', async (t) => {
  const { log, messages, pass } = made(temporaryDirectory(t));
  const everything = new Map([
    [1, 600],
    [2, 60],
  ]);
  await pass(everything);
  assert.deepEqual(messages, []);
  await pass();
  await pass();
  assert.equal(messages.length, 1);
  for (let i = 60; i < 300; i++) log.append([makeFrame(1, i * FRAME_OPS + 1, FRAME_OPS)]);
  await pass();
  assert.equal(messages.length, 2);
  await log.close();
});

test('a log that is being copied stays as it is', async (t) => {
  const dir = temporaryDirectory(t);
  const { log, pass } = made(dir);
  const before = log.bytes;
  const held = log.hold();
  await pass();
  assert.equal(log.bytes, before);
  assert.deepEqual(
    readdirSync(dir).filter((name) => name.endsWith('.compact')),
    [],
  );
  held.release();
  await log.close();
});

test('segments that go meanwhile are left alone', async (t) => {
  const { log, compaction, pass } = made(temporaryDirectory(t), (frame) => {
    log.release(
      new Map([
        [1, 600],
        [2, 60],
      ]),
    );
    return everySecond(frame);
  });
  await pass();
  assert.equal(log.sealed.length, 0);
  assert.ok(kindsFrom(log).every((kind) => kind !== OpKind.superseded));
  await compaction.close();
  await log.close();
});

function kindsFrom(log: Log): number[] {
  const kinds: number[] = [];
  for (let seq = log.firstSeq(1) - 1; ; ) {
    const frame = log.frameAfter(1, seq);
    if (frame === undefined) return kinds;
    const { firstSeq, count, opsAt } = decodeFrameHeader(frame);
    const cursor = new OpCursor(frame, opsAt);
    while (cursor.next()) kinds.push(cursor.kind);
    seq = firstSeq + count - 1;
  }
}

test('a follower who is in the midst of a segment goes on in what takes its place', async (t) => {
  const log = openLog(temporaryDirectory(t), 8 * 1024 * 1024);
  const frames = 100;
  // More than is read at a time: what follows has to be read at the right place.
  for (let i = 0; i < frames; i++) log.append([makeFrame(1, i * FRAME_OPS + 1, FRAME_OPS, 5_000)]);
  log.rotate();
  const compaction = new Compaction({
    ...{ log, judge: () => everySecond, bytesMin: 1024 },
    logger: { info() {}, warn() {} },
  });
  let seq = 0;
  for (; seq < 50; seq += FRAME_OPS) assert.ok(log.frameAfter(1, seq));
  compaction.consider(NOTHING);
  await compaction.settled();
  for (; seq < frames * FRAME_OPS; seq += FRAME_OPS) {
    const frame = log.frameAfter(1, seq) ?? assert.fail(`op ${seq + 1} is there`);
    assert.equal(decodeFrameHeader(frame).firstSeq, seq + 1);
  }
  await log.close();
});

test('what an earlier life did not complete is gone after a start', async (t) => {
  const dir = temporaryDirectory(t);
  const { log } = made(dir);
  await log.close();
  writeFileSync(join(dir, '000000000001.seg.compact'), 'half');
  const again = openLog(dir);
  assert.equal(kindsIn(again, 1).length, 600);
  assert.deepEqual(
    readdirSync(dir).filter((name) => name.endsWith('.compact')),
    [],
  );
  await again.close();
});

test('a frame without some ops has the others as they were', () => {
  const op = fc.record({
    kind: fc.integer({ min: 1, max: 20 }),
    flags: fc.nat(255),
    raw: fc.uint8Array({ maxLength: 40 }),
  });
  fc.assert(
    fc.property(
      fc.array(op, { minLength: 1, maxLength: 20 }),
      fc.infiniteStream(fc.boolean()),
      (ops, coins) => {
        const writer = new FrameWriter(7);
        writer.begin([[3, 9]], 100, 4096, 1, 4000);
        for (const { kind, flags, raw } of ops) {
          writer.add(kind, flags, 0, Math.min(1, raw.length), Buffer.from(raw), 0, raw.length);
        }
        const frame = sealFrame(writer.end(55));
        const taken = new Set(ops.flatMap((_, i) => (coins.next().value ? [i] : [])));
        const left = withoutOps(frame, taken, OpKind.superseded, OpFlag.endOfUnit);
        assert.deepEqual(decodeFrameHeader(left), decodeFrameHeader(frame));
        const cursor = new OpCursor(left, decodeFrameHeader(left).opsAt);
        ops.forEach(({ kind, flags, raw }, i) => {
          assert.ok(cursor.next());
          const isTaken = taken.has(i);
          assert.equal(cursor.kind, isTaken ? OpKind.superseded : kind);
          assert.equal(cursor.flags, isTaken ? flags & OpFlag.endOfUnit : flags);
          const bytes = left.subarray(cursor.rawAt, cursor.rawEnd);
          assert.deepEqual(bytes, isTaken ? Buffer.alloc(0) : Buffer.from(raw));
        });
        assert.equal(cursor.next(), false);
      },
    ),
  );
});
