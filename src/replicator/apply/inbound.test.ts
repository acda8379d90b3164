import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CorruptInput } from '../../base/errors.ts';
import { decodeFrameHeader, sealFrame } from '../../wire/frame.ts';
import type { LiveOp } from '../live/live-op.ts';
import { decodeFrame, type TestOrigin, testOrigins, testReplicas } from '../live/ops.fixture.ts';
import { type Batch, decodeOps, Inbound, watchedKeys } from './inbound.ts';

const SELF = 0;

/** Member 1 as it receives what members 2 and 3 write. */
function member() {
  const replicas = testReplicas();
  const [, b, c] = testOrigins() as [TestOrigin, TestOrigin, TestOrigin];
  const inbound = new Inbound(replicas, SELF);
  const scheduled = replicas.emptyVector();
  const receive = (origin: TestOrigin, frame: Buffer): boolean => {
    const { firstSeq, count } = decodeFrameHeader(frame);
    return inbound.accept(origin.slot, firstSeq, count, frame);
  };
  const take = (): Batch | undefined => inbound.take(scheduled);
  return { b, c, inbound, scheduled, receive, take };
}

function seqs(batch: Batch | undefined): number[] {
  return batch?.ops.map((op) => op.seq) ?? [];
}

function keysOf(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, i) => `SET k${from + i} v`);
}

function lastOf(frame: Buffer, origin: TestOrigin): LiveOp {
  return decodeFrame(frame, testReplicas(), origin.slot).at(-1) as LiveOp;
}

test('ops come out in sequence order, and once', () => {
  const { b, receive, take } = member();
  assert.ok(receive(b, b.frame(['SET x 1'])));
  assert.ok(receive(b, b.frame(['SET y 1'])));
  assert.deepEqual(seqs(take()), [1, 2]);
  assert.equal(take(), undefined);
});

test('a frame that is here already is told so, and changes nothing', () => {
  const { b, receive, take } = member();
  const frame = b.frame(['SET x 1']);
  assert.ok(receive(b, frame));
  assert.ok(!receive(b, frame));
  assert.deepEqual(seqs(take()), [1]);
  assert.ok(!receive(b, frame));
  assert.equal(take(), undefined);
});

test('a gap is refused', () => {
  const { b, receive } = member();
  b.frame(['SET x 1']);
  assert.throws(() => receive(b, b.frame(['SET y 1'])), CorruptInput);
});

test('a batch holds ops of one origin, and origins take turns', () => {
  const { b, c, receive, take } = member();
  for (let i = 0; i < 3; i++) {
    receive(b, b.frame(...keysOf(300).map((command) => [command])));
    receive(c, c.frame(...keysOf(300).map((command) => [command])));
  }
  const slots: number[] = [];
  for (let batch = take(); batch !== undefined; batch = take()) slots.push(batch.slot);
  assert.ok(slots.length >= 4);
  for (let i = 1; i < slots.length; i++) assert.notEqual(slots[i], slots[i - 1]);
});

test('a batch has a bounded number of keys to watch', () => {
  const { b, receive, take } = member();
  receive(b, b.frame(...keysOf(900).map((command) => [command])));
  let total = 0;
  for (let batch = take(); batch !== undefined; batch = take()) {
    assert.ok(watchedKeys(batch).length <= 256);
    total += batch.ops.length;
  }
  assert.equal(total, 900);
});

test('a transaction is never split, however long it is', () => {
  const { b, receive, take } = member();
  receive(b, b.frame(['SET before 1'], keysOf(700), ['SET after 1']));
  const batches: Batch[] = [];
  for (let batch = take(); batch !== undefined; batch = take()) batches.push(batch);
  const whole = batches.find(({ ops }) => ops.some((op) => op.key === 'k0'));
  assert.ok(whole?.ops.some((op) => op.key === 'k699'));
  for (const { ops } of batches) assert.ok(ops.at(-1)?.endsUnit);
});

test('a transaction waits until all its frames are here', () => {
  const { b, receive, take } = member();
  const big = Array.from({ length: 30 }, (_, i) => ['SET', `k${i}`, 'x'.repeat(10_000)]);
  const frames = b.frames(['SET before 1'], big);
  assert.ok(frames.length > 2);
  for (const frame of frames.slice(0, -1)) receive(b, frame);
  assert.deepEqual(seqs(take()), [1]);
  assert.equal(take(), undefined);
  receive(b, frames.at(-1) as Buffer);
  assert.equal(take()?.ops.length, 30);
});

test('ops wait for what they had observed of others', () => {
  const { b, c, inbound, scheduled, receive, take } = member();
  const first = b.frame(['SET x 1']);
  const second = c.sees(lastOf(first, b)).frame(['SET x 2']);
  receive(c, second);
  assert.equal(take(), undefined);
  assert.deepEqual(inbound.blockedOn(c.slot, scheduled), { slot: b.slot, seq: 1 });
  receive(b, first);
  assert.equal(take()?.slot, b.slot);
  assert.equal(inbound.blockedOn(c.slot, scheduled), undefined);
  assert.equal(take()?.slot, c.slot);
});

test('what an origin had observed of this very member is here by nature', () => {
  const replicas = testReplicas();
  const { b, receive, take } = member();
  const [own] = testOrigins() as [TestOrigin];
  receive(b, b.sees(lastOf(own.frame(['SET x 1']), own)).frame(['SET x 2']));
  assert.equal(replicas.ids[SELF], 1);
  assert.deepEqual(seqs(take()), [1]);
});

test('ops that are put back come again first, in order', () => {
  const { b, inbound, scheduled, receive, take } = member();
  receive(b, b.frame(['SET x 1'], ['SET y 1'], ['SET z 1']));
  const batch = take() as Batch;
  receive(b, b.frame(['SET w 1']));
  inbound.putBack(b.slot, batch.ops.slice(1));
  scheduled[b.slot] = 1;
  assert.deepEqual(seqs(take()), [2, 3, 4]);
});

test('what the engine has already is taken out, and the rest stays', () => {
  const { b, inbound, receive, take } = member();
  receive(b, b.frame(['SET x 1'], ['SET y 1']));
  receive(b, b.frame(['SET z 1']));
  assert.deepEqual(
    inbound.takeUpTo(b.slot, 2).map((op) => op.seq),
    [1, 2],
  );
  assert.deepEqual(seqs(take()), [3]);
});

test('what waits is counted until it is taken', () => {
  const { b, inbound, receive, take } = member();
  assert.deepEqual([inbound.waitingOps, inbound.waitingBytes(b.slot)], [0, 0]);
  const frame = b.frame(['SET x 1'], ['SET y 1']);
  receive(b, frame);
  assert.deepEqual([inbound.waitingOps, inbound.waitingBytes(b.slot)], [2, frame.length]);
  take();
  assert.deepEqual([inbound.waitingOps, inbound.waitingBytes(b.slot)], [0, 0]);
});

test('a member that comes with a history goes on from there', () => {
  const { b, inbound, receive, take } = member();
  b.frame(['SET x 1'], ['SET y 1']);
  inbound.startAt(b.slot, 2);
  assert.equal(inbound.received(b.slot), 2);
  assert.ok(receive(b, b.frame(['SET z 1'])));
  assert.deepEqual(seqs(take()), [3]);
});

test('what commutes with anything needs no WATCH', () => {
  const { b, receive, take } = member();
  const commands = ['INCR a', 'INCRBYFLOAT b 1', 'HINCRBY c f 1', 'ZINCRBY d 1 m', 'PUBLISH e x'];
  receive(b, b.frame(...[...commands, 'SET f 1', 'SET f 2', 'DEL g', 'ZREM h m'].map((c) => [c])));
  assert.deepEqual(watchedKeys(take() as Batch), ['f', 'g', 'h']);
});

test('corrupt frames are refused as such, or decoded to as many ops as they say', () => {
  const replicas = testReplicas();
  const frame = (testOrigins()[1] as TestOrigin).frame(['SET k v', 'HSET h f v'], ['DEL k']);
  const damage = fc.record({
    at: fc.nat({ max: frame.length - 1 }),
    byte: fc.nat({ max: 255 }),
    cut: fc.option(fc.nat({ max: frame.length })),
  });
  fc.assert(
    fc.property(fc.array(damage, { minLength: 1, maxLength: 3 }), (damages) => {
      let bytes = Buffer.from(frame);
      for (const { at, byte, cut } of damages) {
        if (at < bytes.length) bytes[at] = byte;
        if (cut !== null) bytes = bytes.subarray(0, cut);
      }
      const ops: LiveOp[] = [];
      try {
        decodeOps(bytes, 1, replicas, ops);
      } catch (error) {
        assert.ok(error instanceof CorruptInput, String(error));
        return;
      }
      assert.equal(ops.length, decodeFrameHeader(bytes).count);
    }),
    { numRuns: 2000 },
  );
});

test('a frame that holds fewer or more ops than it says is refused', () => {
  const frame = (testOrigins()[1] as TestOrigin).frame(['SET k v'], ['DEL k']);
  for (const count of [1, 3]) {
    const changed = Buffer.from(frame);
    changed.writeUInt32LE(count, 13 + 4);
    sealFrame(changed);
    assert.throws(() => decodeOps(changed, 1, testReplicas(), []), CorruptInput);
  }
});
