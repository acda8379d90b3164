import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeFrameHeader } from '../wire/frame.ts';
import { Inbound } from './apply/inbound.ts';
import { type TestOrigin, testOrigins, testReplicas } from './live/ops.fixture.ts';
import { MissingDeps } from './missing-deps.ts';

const [SECOND, THIRD] = [1, 2];

/** The first member has this frame of the third, and nothing else. */
function lacking(frame: Buffer, gone: Map<number, number>) {
  const inbound = new Inbound(testReplicas(), 0);
  const { firstSeq, count } = decodeFrameHeader(frame);
  inbound.accept(THIRD, firstSeq, count, frame);
  const asked: string[] = [];
  const missing = new MissingDeps({
    replicas: testReplicas(),
    self: 0,
    inbound,
    gone,
    port: {
      want: (peer, origin, afterSeq) => asked.push(`${peer}: ${origin} after ${afterSeq}`),
      notice: () => {},
    },
  });
  const visible = testReplicas().emptyVector();
  for (const nowMs of [0, 1000]) missing.ask(visible, nowMs);
  return { inbound, asked };
}

function frameOfThird(): { frame: Buffer } {
  const [, second, third] = testOrigins() as [TestOrigin, TestOrigin, TestOrigin];
  return { frame: third.sees(second.write('SET k 1')).frame(['SET k 2']) };
}

test('what an op had seen is asked of the member that it came from', () => {
  const { frame } = frameOfThird();
  const { inbound, asked } = lacking(frame, new Map());
  assert.deepEqual(asked, ['3: 2 after 0']);
  assert.equal(inbound.waitingOps, 1);
});

test('what follows ops that nobody has is lost, and nobody waits for it', () => {
  const { frame } = frameOfThird();
  const gone = new Map([
    [SECOND, 0],
    [THIRD, 1],
  ]);
  const { inbound, asked } = lacking(frame, gone);
  assert.deepEqual(asked, []);
  assert.equal(inbound.waitingOps, 0);
  assert.equal(gone.get(THIRD), 0);
});
