import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HybridClock } from '../../model/clock.ts';
import { OpFlag, OpKind } from '../../model/op.ts';
import { encodeStrings } from '../../resp/encode.ts';
import { decodeFrameHeader, FRAME_BYTES_TARGET } from '../../wire/frame.ts';
import { encodeRecord, RecordReader, RecordType } from '../../wire/record.ts';
import type { LiveOp } from '../live/live-op.ts';
import { decodeFrame, testReplicas } from '../live/ops.fixture.ts';
import { OwnOps } from './own-ops.ts';

const SELF = 1;
const NOW_MS = 1_700_000_000_000;

function ownOps(seq = 0): OwnOps {
  return new OwnOps(testReplicas(), SELF, new HybridClock(), seq);
}

function add(own: OwnOps, key = 'k', value = 'v', nowMs = NOW_MS): LiveOp {
  const raw = encodeStrings(['SET', key, value]);
  const keyAt = raw.indexOf(key, 13, 'latin1');
  return own.add(OpKind.set, 0, key, keyAt, raw, 0, raw.length, nowMs);
}

function decoded(frame: Buffer | undefined): LiveOp[] {
  return decodeFrame(frame as Buffer, testReplicas(), SELF);
}

test('what a peer decodes is what was added', () => {
  const own = ownOps(41);
  const added = [add(own, 'k', 'one'), add(own, 'l\xff', 'two')];
  own.endUnit();
  own.reached(777);
  const [frame, ...rest] = own.take();
  assert.deepEqual(rest, []);
  const ops = decoded(frame);
  assert.deepEqual(
    ops.map((op) => [op.seq, op.key, op.args()[2]]),
    [
      [42, 'k', 'one'],
      [43, 'l\xff', 'two'],
    ],
  );
  assert.deepEqual(
    ops.map((op) => op.timestamp),
    added.map((op) => op.timestamp),
  );
  const header = decodeFrameHeader(frame as Buffer);
  assert.deepEqual([header.origin, header.position, header.capturedAt], [2, 777, NOW_MS]);
});

test('a frame is a record that readers accept', () => {
  const own = ownOps();
  const op = add(own);
  own.setFlag(op, OpFlag.replaced);
  own.endUnit();
  const reader = new RecordReader();
  for (const bytes of own.take()) reader.feed(bytes);
  const record = reader.next();
  assert.equal(record?.type, RecordType.ops);
  assert.ok(decoded(record?.bytes)[0]?.isReplaced);
});

test('nothing leaves while a unit is open', () => {
  const own = ownOps();
  add(own);
  assert.ok(own.unitIsOpen);
  assert.deepEqual(own.take(), []);
  add(own);
  own.endUnit();
  const ops = decoded(own.take()[0]);
  assert.deepEqual(
    ops.map((op) => op.endsUnit),
    [false, true],
  );
});

test('nothing to take is nothing', () => {
  const own = ownOps();
  own.endUnit();
  assert.deepEqual(own.take(), []);
});

test('what is observed are the deps of the ops after it, without the own ones', () => {
  const own = ownOps();
  add(own);
  own.endUnit();
  own.observe(Float64Array.from([5, 9, 7]));
  add(own);
  own.endUnit();
  const frames = own.take();
  assert.deepEqual(
    frames.map((frame) => decodeFrameHeader(frame).deps),
    [
      [],
      [
        [1, 5],
        [3, 7],
      ],
    ],
  );
});

test('later changes of the vector that was observed change no deps', () => {
  const own = ownOps();
  const visible = Float64Array.from([5, 0, 0]);
  own.observe(visible);
  visible[0] = 99;
  assert.equal(add(own).deps[0], 5);
});

test('timestamps rise within and across frames, whatever the wall clock does', () => {
  const own = ownOps();
  const ops = [add(own), add(own), add(own)];
  own.endUnit();
  own.take();
  ops.push(add(own, 'k', 'v', NOW_MS - 5000), add(own, 'k', 'v', NOW_MS + 5000));
  for (let i = 1; i < ops.length; i++) {
    assert.ok((ops[i] as LiveOp).timestamp > (ops[i - 1] as LiveOp).timestamp);
  }
});

test('a record keeps its place between frames', () => {
  const own = ownOps();
  add(own);
  own.endUnit();
  const record = encodeRecord(RecordType.visible, Buffer.from('x'));
  own.record(record);
  add(own);
  own.endUnit();
  const taken = own.take();
  assert.equal(taken.length, 3);
  assert.equal(taken[1], record);
  assert.deepEqual(
    [taken[0], taken[2]].map((frame) => decoded(frame)[0]?.seq),
    [1, 2],
  );
});

test('a long unit goes on in further frames, and its end is marked once', () => {
  const own = ownOps();
  for (let i = 0; i < 40; i++) add(own, `k${i}`, 'x'.repeat(10_000));
  own.endUnit();
  const frames = own.take();
  assert.ok(frames.length > 1);
  for (const frame of frames) assert.ok(frame.length <= FRAME_BYTES_TARGET + 200);
  const ops = frames.flatMap(decoded);
  assert.deepEqual(
    ops.map((op) => op.seq),
    Array.from({ length: 40 }, (_, i) => i + 1),
  );
  assert.deepEqual(
    ops.filter((op) => op.endsUnit).map((op) => op.seq),
    [40],
  );
});

test('one op that is larger than a frame has a frame of its own', () => {
  const own = ownOps();
  add(own, 'k', 'x'.repeat(400_000));
  own.endUnit();
  assert.equal(decoded(own.take()[0])[0]?.args()[2]?.length, 400_000);
});

test('a unit that never ends is noticed', () => {
  const own = ownOps();
  for (let i = 0; i < 2000; i++) add(own);
  assert.ok(!own.unitIsTooLong);
  add(own);
  assert.ok(own.unitIsTooLong);
  own.endUnit();
  assert.ok(!own.unitIsTooLong);
});
