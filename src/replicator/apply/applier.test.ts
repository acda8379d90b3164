import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeFrameHeader } from '../../wire/frame.ts';
import { type TestOrigin, testOrigins, testReplicas } from '../live/ops.fixture.ts';
import { Applier, type Attempt } from './applier.ts';
import { FENCE_CHANNEL, type Fence, FenceMaker } from './fence.ts';
import { Inbound } from './inbound.ts';

const [B, C] = [1, 2];

/** An applier of member 1 whose engine is this test: it writes down what is asked of it. */
class Bench {
  readonly replicas = testReplicas();
  readonly origins = testOrigins();
  readonly inbound = new Inbound(this.replicas, 0);
  readonly visible = this.replicas.emptyVector();
  readonly fences = new FenceMaker(Buffer.from('secret'));
  readonly asked: string[] = [];
  readonly attempts: Attempt[] = [];
  readonly sent: Fence[] = [];
  readonly applier: Applier;

  constructor(seenFence = 0, issuedFence = seenFence) {
    this.applier = new Applier({
      replicas: this.replicas,
      inbound: this.inbound,
      fences: this.fences,
      visible: this.visible,
      seenFence,
      issuedFence,
      readShips: () => false,
      toMeasure: () => [],
      decide: (attempt) => {
        this.attempts.push(attempt);
        return { commands: Buffer.alloc(0), count: 0 };
      },
      port: {
        probe: ({ watch, hold }) =>
          this.asked.push(`probe ${watch.join(' ')}${hold ? ' holding' : ''}`.trim()),
        hurry: () => this.asked.push('hurry'),
        execute: (channel, token) => {
          assert.equal(channel, FENCE_CHANNEL);
          const fence = this.fences.verify(token) as Fence;
          this.sent.push(fence);
          const { ops, settle } = (this.attempts.at(-1) as Attempt).batch;
          const what = ops.length > 0 ? ops.map((op) => op.key) : [...settle.keys()];
          this.asked.push(`execute ${fence.number}: ${what.join(' ')}`);
        },
      },
    });
  }

  /** Connected, and level with the engine. */
  static ready(): Bench {
    const bench = new Bench();
    bench.connect();
    return bench;
  }

  connect(): void {
    this.applier.engineConnected();
    this.applier.probed(0);
    this.applier.captured(0);
    this.taken();
  }

  receive(slot: number, ...units: string[][]): void {
    const frame = (this.origins[slot] as TestOrigin).frame(...units);
    const { firstSeq, count } = decodeFrameHeader(frame);
    this.inbound.accept(slot, firstSeq, count, frame);
  }

  /** What was asked since the last call. */
  taken(): string[] {
    return this.asked.splice(0);
  }

  /** One whole try of what is due, up to the transaction being on its way. */
  try(now = 0): void {
    this.applier.pump(now);
    this.applier.probed(0);
  }

  refuse(): void {
    this.applier.executed({ kind: 'refused' });
  }

  /** The last transaction committed and its fence came by, as the core carries it out. */
  commit(): void {
    const fence = this.sent.at(-1) as Fence;
    this.applier.executed({ kind: 'committed' });
    const attempt = this.applier.fenced(fence);
    const { slot, ops } = (attempt as Attempt).batch;
    if (slot >= 0) this.visible[slot] = ops.at(-1)?.seq as number;
  }
}

test('nothing is applied before what an earlier life did is known', () => {
  const bench = new Bench();
  bench.receive(B, ['SET k v']);
  bench.applier.engineConnected();
  assert.deepEqual(bench.taken(), ['probe']);
  bench.applier.pump(0);
  bench.applier.probed(500);
  bench.applier.captured(499);
  bench.applier.pump(0);
  assert.deepEqual(bench.taken(), ['hurry']);
  bench.applier.captured(500);
  bench.applier.pump(0);
  assert.deepEqual(bench.taken(), ['probe k']);
});

test('a batch is decided only when every write before its WATCH is known', () => {
  const bench = Bench.ready();
  bench.receive(B, ['SET k v']);
  bench.applier.pump(0);
  bench.applier.probed(1000);
  assert.equal(bench.attempts.length, 0);
  assert.deepEqual(bench.taken(), ['probe k', 'hurry']);
  bench.applier.captured(999);
  assert.equal(bench.attempts.length, 0);
  bench.applier.captured(1000);
  assert.deepEqual(bench.taken(), ['execute 1: k']);
});

test('the fence says whose ops are visible, and up to which', () => {
  const bench = Bench.ready();
  bench.receive(C, ['SET k v'], ['SET l v']);
  bench.try();
  assert.deepEqual(bench.sent, [{ kind: 'apply', number: 1, origin: 3, seq: 2 }]);
});

test('fences go on from where an earlier life stopped', () => {
  const bench = new Bench(41);
  bench.connect();
  bench.receive(B, ['SET k v']);
  bench.try();
  assert.equal(bench.sent[0]?.number, 42);
  assert.equal(bench.applier.lastFence, 41);
  bench.commit();
  assert.equal(bench.applier.lastFence, 42);
});

test('fences that an earlier life used up are not used again, and may still come by', () => {
  const bench = new Bench(41, 44);
  bench.connect();
  bench.receive(B, ['SET k v']);
  bench.try();
  assert.equal(bench.sent[0]?.number, 45);
  assert.equal(bench.applier.lastFence, 41);
});

test('it is idle when the reply and the fence have both come, in either order', () => {
  for (const fenceFirst of [true, false]) {
    const bench = Bench.ready();
    assert.ok(bench.applier.isIdle);
    bench.receive(B, ['SET k v']);
    bench.try();
    assert.ok(!bench.applier.isIdle);
    const fence = bench.sent[0] as Fence;
    if (fenceFirst) assert.equal(bench.applier.fenced(fence), bench.attempts[0]);
    bench.applier.executed({ kind: 'committed' });
    if (!fenceFirst) {
      assert.ok(!bench.applier.isIdle);
      assert.equal(bench.applier.fenced(fence), bench.attempts[0]);
    }
    assert.ok(bench.applier.isIdle);
  }
});

test('a fence makes its batch visible once', () => {
  const bench = Bench.ready();
  bench.receive(B, ['SET k v']);
  bench.try();
  bench.commit();
  assert.equal(bench.applier.fenced(bench.sent[0] as Fence), undefined);
});

test('the next batch is probed along with the transaction, and executed after it', () => {
  const bench = Bench.ready();
  bench.receive(B, ['SET k v']);
  bench.receive(C, ['SET l v']);
  bench.try();
  assert.deepEqual(bench.taken(), ['probe k', 'execute 1: k', 'probe l']);
  bench.commit();
  bench.applier.probed(0);
  assert.deepEqual(bench.taken(), ['execute 2: l']);
});

test('a refused batch is probed and decided again, with a new fence', () => {
  const bench = Bench.ready();
  bench.receive(B, ['SET k v']);
  bench.try();
  bench.taken();
  bench.refuse();
  assert.deepEqual(bench.taken(), ['probe k']);
  bench.applier.probed(0);
  assert.deepEqual(bench.taken(), ['execute 2: k']);
  assert.equal(bench.attempts.length, 2);
  assert.equal(bench.applier.retries, 1);
});

test('after a refusal the answer to a probe that is out of date is passed over', () => {
  const bench = Bench.ready();
  bench.receive(B, ['SET k v']);
  bench.receive(C, ['SET l v']);
  bench.try();
  bench.refuse();
  bench.taken();
  bench.applier.probed(7);
  assert.deepEqual(bench.taken(), []);
  bench.applier.probed(0);
  assert.deepEqual(bench.taken(), ['execute 2: k', 'probe l']);
});

test('a batch that is refused three times is cut down to its first unit; the rest comes after it', () => {
  const bench = Bench.ready();
  bench.receive(B, ['SET k 1', 'SET l 1'], ['SET m 1'], ['SET n 1']);
  bench.try();
  for (let i = 0; i < 3; i++) {
    bench.refuse();
    bench.applier.probed(0);
  }
  assert.equal(bench.asked.filter((line) => line.startsWith('execute')).at(-1), 'execute 4: k l');
  bench.taken();
  bench.commit();
  bench.applier.probed(0);
  assert.deepEqual(bench.taken(), ['execute 5: m n']);
});

test('a unit is not split, however often it is refused', () => {
  const bench = Bench.ready();
  bench.receive(B, ['SET k 1', 'SET l 1', 'SET m 1']);
  bench.try();
  for (let i = 0; i < 12; i++) {
    bench.refuse();
    bench.applier.probed(0);
  }
  const executed = bench.asked.filter((line) => line.startsWith('execute'));
  assert.equal(executed.length, 13);
  for (const line of executed) assert.match(line, /: k l m$/);
});

test('a batch that was refused ten times is decided while clients are held', () => {
  const bench = Bench.ready();
  bench.receive(B, ['SET k 1']);
  bench.try();
  for (let i = 0; i < 9; i++) {
    bench.refuse();
    bench.applier.probed(0);
  }
  assert.ok(bench.attempts.every((attempt) => !attempt.holds));
  bench.taken();
  bench.refuse();
  assert.deepEqual(bench.taken(), ['probe k holding']);
  bench.applier.probed(0);
  assert.ok(bench.attempts.at(-1)?.holds);
});

test('when the engine takes no commands it is left alone for a moment', () => {
  const bench = Bench.ready();
  bench.receive(B, ['SET k v']);
  bench.try();
  bench.taken();
  bench.applier.executed({ kind: 'aborted', message: 'OOM command not allowed' });
  bench.applier.pump(1);
  assert.deepEqual(bench.taken(), []);
  bench.applier.pump(1000);
  assert.deepEqual(bench.taken(), ['probe k']);
  bench.applier.probed(0);
  assert.deepEqual(bench.taken(), ['execute 2: k']);
});

test('what was under way when the connection was lost is applied again, in order', () => {
  const bench = Bench.ready();
  bench.receive(B, ['SET k v']);
  bench.receive(C, ['SET l v']);
  bench.try();
  bench.connect();
  bench.try();
  assert.deepEqual(bench.taken(), ['probe k', 'execute 2: k', 'probe l']);
});

test('what became visible before the connection was lost is not applied again', () => {
  const bench = Bench.ready();
  bench.receive(B, ['SET k v']);
  bench.receive(C, ['SET l v']);
  bench.try();
  bench.applier.fenced(bench.sent[0] as Fence);
  bench.visible[B] = 1;
  bench.connect();
  bench.try();
  assert.deepEqual(bench.taken(), ['probe l', 'execute 2: l']);
});

test('a fence that comes by after the connection was lost belongs to no attempt any more', () => {
  const bench = Bench.ready();
  bench.receive(B, ['SET k v']);
  bench.try();
  bench.applier.engineConnected();
  assert.equal(bench.applier.fenced(bench.sent[0] as Fence), undefined);
});

test('keys to settle go first, and in one batch', () => {
  const bench = Bench.ready();
  bench.receive(B, ['SET k v']);
  for (const key of ['x', 'y', 'x']) bench.applier.settle(key, 'value');
  bench.try();
  assert.deepEqual(bench.taken(), ['probe x y', 'execute 1: x y', 'probe k']);
  assert.deepEqual(bench.sent[0], { kind: 'apply', number: 1, origin: 0, seq: 0 });
});

test('keys to settle survive the loss of the connection', () => {
  const bench = Bench.ready();
  bench.applier.settle('x', 'value');
  bench.try();
  bench.connect();
  bench.try();
  assert.deepEqual(bench.taken(), ['probe x', 'execute 2: x']);
});

test('an answer that nobody waits for is a mistake', () => {
  const bench = Bench.ready();
  assert.throws(() => bench.applier.probed(0));
  assert.throws(() => bench.applier.executed({ kind: 'committed' }));
});
