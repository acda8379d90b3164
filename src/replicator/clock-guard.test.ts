import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HybridClock, timestampAt } from '../model/clock.ts';
import { decodeFrameHeader } from '../wire/frame.ts';
import { Inbound } from './apply/inbound.ts';
import { ClockGuard } from './clock-guard.ts';
import type { LiveOp } from './live/live-op.ts';
import {
  decodeFrame,
  START_MS,
  type TestOrigin,
  testOrigins,
  testReplicas,
} from './live/ops.fixture.ts';

const HOUR_MS = 3_600_000;
const LIMIT_MS = 60_000;

/** Member 1, which receives from 2 and 3. */
function member(maxAheadMs = LIMIT_MS) {
  const replicas = testReplicas();
  const [, b, c] = testOrigins() as [TestOrigin, TestOrigin, TestOrigin];
  const inbound = new Inbound(replicas, 0);
  const clock = new HybridClock();
  const notices: string[] = [];
  const port = { notice: (level: string, text: string) => notices.push(`${level}: ${text}`) };
  const guard = new ClockGuard(replicas, inbound, clock, { port, maxAheadMs });
  const scheduled = replicas.emptyVector();
  const receive = (origin: TestOrigin, frame: Buffer): LiveOp[] => {
    const { firstSeq, count } = decodeFrameHeader(frame);
    inbound.accept(origin.slot, firstSeq, count, frame);
    return decodeFrame(frame, replicas, origin.slot);
  };
  const takeAll = (): string[] => {
    const taken: string[] = [];
    for (;;) {
      const batch = inbound.take(scheduled);
      if (batch === undefined) return taken;
      taken.push(...batch.ops.map((op) => `${op.origin + 1}:${op.seq}`));
    }
  };
  return { b, c, inbound, clock, guard, notices, receive, takeAll };
}

test('writes from a clock that is an hour ahead are held, those of others are not', () => {
  const { b, c, guard, notices, receive, takeAll } = member();
  receive(b, b.frame(['SET k 1']));
  receive(b, b.setClock(HOUR_MS).frame(['SET k 2']));
  receive(b, b.frame(['SET k 3']));
  receive(c, c.frame(['SET k 4']));
  guard.turn(START_MS);
  assert.deepEqual(takeAll(), ['2:1', '3:1']);
  const held = guard.heldOf(2);
  assert.equal(held?.frames, 2);
  assert.ok(Math.abs((held?.aheadMs ?? 0) - HOUR_MS) < 10, `${held?.aheadMs}`);
  assert.equal(guard.heldOf(3), undefined);
  guard.turn(START_MS + 200);
  assert.deepEqual(notices.length, 1);
  assert.match(notices[0] ?? '', /^error: writes of a peer are held/);
});

test('what is held goes on when the time comes near', () => {
  const { b, guard, notices, receive, takeAll } = member();
  receive(b, b.setClock(HOUR_MS).frame(['SET k 1']));
  guard.turn(START_MS);
  guard.turn(START_MS + HOUR_MS - LIMIT_MS - 1000);
  assert.deepEqual(takeAll(), []);
  assert.equal(guard.heldOf(2)?.sinceMs, START_MS);
  guard.turn(START_MS + HOUR_MS - LIMIT_MS + 1000);
  assert.deepEqual(takeAll(), ['2:1']);
  assert.equal(guard.heldOf(2), undefined);
  assert.match(notices.at(-1) ?? '', /^info: .*no longer held/);
});

test('what is held goes on when the limit is raised', () => {
  const { b, guard, receive, takeAll } = member();
  receive(b, b.setClock(HOUR_MS).frame(['SET k 1']));
  guard.turn(START_MS);
  guard.maxAheadMs = 2 * HOUR_MS;
  guard.turn(START_MS);
  assert.deepEqual(takeAll(), ['2:1']);
});

test('what depends on a held write waits with it', () => {
  const { b, c, guard, receive, takeAll } = member();
  const held = receive(b, b.setClock(HOUR_MS).frame(['SET k 1']));
  c.sees(...held);
  receive(c, c.frame(['SET k 2']));
  guard.turn(START_MS);
  assert.deepEqual(takeAll(), []);
  guard.turn(START_MS + HOUR_MS);
  assert.deepEqual(takeAll(), ['2:1', '3:1']);
});

test('who knows the own clock to be behind measures by the right time, and stamps with it', () => {
  const { b, clock, guard, receive, takeAll } = member();
  receive(b, b.frame(['SET k 1']));
  const wrong = START_MS - HOUR_MS;
  guard.turn(wrong);
  assert.deepEqual(takeAll(), []);
  guard.correctionMs = HOUR_MS;
  guard.turn(wrong);
  assert.deepEqual(takeAll(), ['2:1']);
  assert.ok(clock.take(wrong, 1) > timestampAt(START_MS));
});

test('the own clock tells how far it is ahead after the wall clock was set back', () => {
  const { clock, guard } = member();
  clock.take(START_MS, 1);
  guard.turn(START_MS);
  assert.ok(guard.clockAheadMs < 2, `${guard.clockAheadMs}`);
  guard.turn(START_MS - HOUR_MS);
  assert.ok(Math.abs(guard.clockAheadMs - HOUR_MS) < 2, `${guard.clockAheadMs}`);
});

test('whatever the clocks do, nothing beyond the limit is taken, all is taken in the end, in order', () => {
  const step = fc.record({
    origin: fc.constantFrom(1, 2),
    clockMs: fc.integer({ min: -HOUR_MS, max: HOUR_MS }),
    ops: fc.integer({ min: 1, max: 3 }),
    seesOther: fc.boolean(),
    hereMs: fc.integer({ min: -HOUR_MS, max: HOUR_MS }),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 20 }), (steps) => {
      const { b, c, inbound, guard, receive, takeAll } = member();
      const known = new Map<string, LiveOp>();
      const made: string[] = [];
      const taken: string[] = [];
      const take = (): void => {
        for (const dot of takeAll()) {
          const op = known.get(dot) as LiveOp;
          assert.ok(op.timestamp <= inbound.newest, dot);
          op.deps.forEach((seq, slot) => {
            if (seq > 0 && slot !== op.origin) assert.ok(taken.includes(`${slot + 1}:${seq}`), dot);
          });
          taken.push(dot);
        }
      };
      for (const { origin, clockMs, ops, seesOther, hereMs } of steps) {
        const [writer, other] = origin === 1 ? [b, c] : [c, b];
        const ofOther = [...known.values()].filter((op) => op.origin === other.slot).at(-1);
        if (seesOther && ofOther !== undefined) writer.sees(ofOther);
        writer.setClock(clockMs);
        const units = Array.from({ length: ops }, (_, i) => [`SET k${i} v`]);
        for (const op of receive(writer, writer.frame(...units))) {
          known.set(`${op.origin + 1}:${op.seq}`, op);
          made.push(`${op.origin + 1}:${op.seq}`);
        }
        guard.turn(START_MS + hereMs);
        take();
      }
      guard.turn(START_MS + 2 * HOUR_MS);
      take();
      for (const origin of ['2', '3']) {
        const of = (dots: string[]) => dots.filter((dot) => dot.startsWith(origin));
        assert.deepEqual(of(taken), of(made));
      }
    }),
  );
});
