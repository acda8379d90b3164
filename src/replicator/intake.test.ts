import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HybridClock } from '../model/clock.ts';
import { OpKind } from '../model/op.ts';
import { encodeStrings } from '../resp/encode.ts';
import type { Reply } from '../resp/reply-parser.ts';
import { decodeFrameHeader } from '../wire/frame.ts';
import { RecordType } from '../wire/record.ts';
import { FENCE_CHANNEL, type Fence, FenceMaker } from './apply/fence.ts';
import { Counters } from './counters.ts';
import { Intake } from './intake.ts';
import type { ReadRequest } from './interpret/reads.ts';
import { decodeVisible } from './journal.ts';
import type { LiveOp } from './live/live-op.ts';
import { decodeFrame, type TestOrigin, testOrigins, testReplicas } from './live/ops.fixture.ts';
import { LiveStreams } from './live/streams/live-streams.ts';

const START = 1000;
const NOW_MS = 1_700_000_000_000;
const bulk = (text: string): Reply => ({ kind: 'bulk', bytes: Buffer.from(text, 'latin1') });

/** An intake of member 1, fed by the test as its engine would. */
class Bench {
  readonly counters = new Counters();
  readonly fences = new FenceMaker(Buffer.from('secret'));
  readonly visible = testReplicas().emptyVector();
  readonly ops: LiveOp[] = [];
  readonly applied: number[] = [];
  readonly expired: string[] = [];
  readonly reads: { token: string; requests: readonly ReadRequest[] }[] = [];
  readonly notices: string[] = [];
  readonly intake: Intake;
  /** Bytes fed so far. */
  fed = START;

  constructor() {
    this.intake = new Intake({
      replicas: testReplicas(),
      self: 0,
      clock: new HybridClock(),
      visible: this.visible,
      fences: this.fences,
      port: {
        read: (channel, token, requests) => {
          assert.equal(channel, FENCE_CHANNEL);
          this.reads.push({ token, requests });
        },
        hurry: () => {},
        notice: (_level, message) => this.notices.push(message),
      },
      counters: this.counters,
      keyPositions: () => undefined,
      liveStreams: new LiveStreams({
        get: () => undefined,
        merged: () => undefined,
        isObserved: () => true,
      }),
      onOwnOp: (op) => {
        this.visible[0] = op.seq;
        this.ops.push(op);
      },
      onApplied: (fence) => {
        // As the core does: each is accepted once.
        if (fence.number <= (this.applied.at(-1) ?? 0)) return undefined;
        this.applied.push(fence.number);
        this.visible[fence.origin - 1] = fence.seq;
        return Buffer.alloc(0);
      },
      isHeldBack: () => false,
      life: 7,
      onExpired: (key) => this.expired.push(key),
    });
    this.intake.startAt(START);
  }

  feed(...commands: (string | readonly string[])[]): void {
    for (const command of commands) {
      const args = typeof command === 'string' ? command.split(' ') : command;
      const bytes = encodeStrings(args);
      this.fed += bytes.length;
      this.intake.feed(bytes, NOW_MS);
    }
  }

  /** The commands of the own ops so far. */
  get written(): string[] {
    return this.ops.map((op) => op.args().join(' '));
  }

  apply(number: number, origin = 2, seq = number): string {
    return this.fences.token({ kind: 'apply', number, origin, seq } satisfies Fence);
  }

  /** The unit that each op of the records ends in, as "first..last" of their sequences. */
  units(): string[] {
    const units: string[] = [];
    let first: number | undefined;
    for (const bytes of this.intake.takeRecords()) {
      if (bytes[12] !== RecordType.ops) continue;
      for (const op of decodeFrame(bytes, testReplicas(), 0)) {
        first ??= op.seq;
        if (!op.endsUnit) continue;
        units.push(`${first}..${op.seq}`);
        first = undefined;
      }
    }
    return units;
  }
}

describe('local writes', () => {
  test('become ops, each a unit, that end where the stream was taken in', () => {
    const bench = new Bench();
    bench.feed('SELECT 0', 'SET k v', 'INCR n');
    const records = bench.intake.takeRecords();
    assert.equal(records.length, 1);
    assert.equal(decodeFrameHeader(records[0] as Buffer).position, bench.fed);
    assert.equal(bench.intake.offset, bench.fed);
    assert.deepEqual(bench.written, ['SET k v', 'INCR n']);
  });

  test('of a transaction are one unit, which leaves as a whole', () => {
    const bench = new Bench();
    bench.feed('SET before 1', 'MULTI', 'SET a 1', 'SET b 2');
    assert.ok(!bench.intake.atBoundary);
    assert.deepEqual(bench.units(), []);
    bench.feed('EXEC');
    assert.deepEqual(bench.units(), ['1..1', '2..3']);
  });

  test('come out the same, wherever the stream is cut', () => {
    const whole = ['SET a 1', 'MULTI', 'HSET h f v', 'DEL a', 'EXEC', 'SADD s x y'];
    const expected = new Bench();
    expected.feed(...whole);
    const bench = new Bench();
    for (const byte of Buffer.concat(whole.map((text) => encodeStrings(text.split(' '))))) {
      bench.intake.feed(Buffer.from([byte]), NOW_MS);
    }
    assert.deepEqual(bench.written, expected.written);
    assert.deepEqual(bench.units(), expected.units());
    assert.equal(bench.intake.offset, expected.intake.offset);
  });

  test('DEL and a write of the same key in one transaction replace its value', () => {
    const bench = new Bench();
    bench.feed('MULTI', 'DEL k', 'SADD k x', 'DEL l', 'SREM l x', 'EXEC', 'DEL m', 'SADD m x');
    const replaced = bench.ops.filter((op) => op.isReplaced).map((op) => op.key);
    assert.deepEqual(replaced, ['k']);
  });

  test('messages are ops without a key', () => {
    const bench = new Bench();
    bench.feed('PUBLISH news hello');
    assert.deepEqual([bench.ops[0]?.kind, bench.ops[0]?.key], [OpKind.publish, '']);
  });

  test('a command without a rule is counted, and reported once', () => {
    const bench = new Bench();
    bench.feed('X.NEW k', 'X.NEW k');
    assert.equal(bench.counters.unknownCommands['X.NEW'], 2);
    assert.equal(bench.notices.length, 1);
  });
});

describe('the echo of an applied batch', () => {
  test('is passed over; what it made visible is recorded, and observed by what follows', () => {
    const bench = new Bench();
    bench.feed('SET a 1', 'MULTI', ['SPUBLISH', FENCE_CHANNEL, bench.apply(1)], 'SET b 2', 'EXEC');
    const end = bench.fed;
    bench.feed('SET c 3');
    assert.deepEqual(bench.written, ['SET a 1', 'SET c 3']);
    const records = bench.intake.takeRecords();
    assert.deepEqual(
      records.map((bytes) => bytes[12]),
      [RecordType.ops, RecordType.visible, RecordType.ops],
    );
    const visible = decodeVisible(records[1] as Buffer);
    assert.deepEqual(visible, { origin: 2, seq: 1, position: end, fence: 1 });
    assert.deepEqual(decodeFrameHeader(records[2] as Buffer).deps, [[2, 1]]);
  });

  test('is nothing that can be logged half', () => {
    const bench = new Bench();
    bench.feed('MULTI', ['SPUBLISH', FENCE_CHANNEL, bench.apply(1)], 'SET b 2');
    assert.ok(!bench.intake.atBoundary);
    assert.deepEqual(bench.intake.takeRecords(), []);
    bench.feed('EXEC');
    assert.equal(bench.intake.takeRecords().length, 1);
  });

  test('without MULTI is of a batch that changed nothing', () => {
    const bench = new Bench();
    bench.feed(['SPUBLISH', FENCE_CHANNEL, bench.apply(1)], 'SET c 3');
    assert.deepEqual(bench.applied, [1]);
    assert.deepEqual(bench.written, ['SET c 3']);
  });

  test('is known by its fence also where the database is named first', () => {
    const bench = new Bench();
    bench.feed('MULTI', 'SELECT 0', ['SPUBLISH', FENCE_CHANNEL, bench.apply(1)], 'SET b 2', 'EXEC');
    assert.deepEqual([bench.applied, bench.written], [[1], []]);
    bench.feed('MULTI', 'SELECT 0', 'SET c 3', 'EXEC');
    assert.deepEqual(bench.written, ['SET c 3']);
  });

  test('is passing until its end: what is visible by then has not been observed yet', () => {
    const bench = new Bench();
    bench.feed('MULTI', ['SPUBLISH', FENCE_CHANNEL, bench.apply(1)], 'SET k v');
    assert.equal(bench.intake.isInEcho, true);
    bench.feed('EXEC');
    assert.equal(bench.intake.isInEcho, false);
  });

  test('a key that expired within it is a removal of this region', () => {
    const bench = new Bench();
    const fence = ['SPUBLISH', FENCE_CHANNEL, bench.apply(1)];
    bench.feed('MULTI', fence, 'DEL gone', 'UNLINK removed', 'SET b 2', 'EXEC');
    assert.deepEqual(bench.written, ['DEL gone']);
    assert.deepEqual(bench.expired, ['gone']);
  });
});

describe('fences that clients make', () => {
  test('a forged token hides nothing', () => {
    const bench = new Bench();
    const forged = new FenceMaker(Buffer.from('guess')).token({
      kind: 'apply',
      number: 1,
      origin: 2,
      seq: 1,
    });
    bench.feed('MULTI', ['SPUBLISH', FENCE_CHANNEL, forged], 'SET k v', 'EXEC');
    assert.deepEqual(bench.written, ['SET k v']);
    assert.deepEqual(bench.applied, []);
    assert.equal(bench.counters.strangeFences, 1);
  });

  test('a token that was captured and is replayed hides nothing', () => {
    const bench = new Bench();
    const fence = ['SPUBLISH', FENCE_CHANNEL, bench.apply(1)];
    bench.feed('MULTI', fence, 'SET b 2', 'EXEC', 'MULTI', fence, 'SET k v', 'EXEC', fence);
    assert.deepEqual(bench.applied, [1]);
    assert.deepEqual(bench.written, ['SET k v']);
    assert.equal(bench.counters.strangeFences, 2);
  });

  test('the token of a read hides nothing', () => {
    const bench = new Bench();
    bench.feed('RENAME a b');
    bench.intake.requestReads(() => true);
    const fence = ['SPUBLISH', FENCE_CHANNEL, bench.reads[0]?.token ?? ''];
    bench.intake.readDone([{ kind: 'array', items: [bulk('string'), bulk('-1'), bulk('v')] }]);
    bench.feed(fence, 'MULTI', fence, 'SET k v', 'EXEC');
    assert.deepEqual(bench.written, ['DEL a', 'SET b v', 'SET k v']);
    assert.equal(bench.counters.strangeFences, 1);
  });

  test('a fence in the middle of a transaction is no fence', () => {
    const bench = new Bench();
    const fence = ['SPUBLISH', FENCE_CHANNEL, bench.apply(1)];
    bench.feed('MULTI', 'SET a 1', fence, 'SET k v', 'EXEC');
    assert.deepEqual(bench.applied, []);
    const sets = bench.written.filter((text) => text.startsWith('SET'));
    assert.deepEqual(sets, ['SET a 1', 'SET k v']);
  });
});

describe('values that are not in the stream', () => {
  const string = (text: string): Reply => ({
    kind: 'array',
    items: [bulk('string'), bulk('-1'), bulk(text)],
  });

  /** RENAME was taken in, and the read that it needs is on its way. */
  function renamed(): { bench: Bench; fence: readonly string[] } {
    const bench = new Bench();
    bench.feed('RENAME a b');
    bench.intake.requestReads(() => true);
    assert.deepEqual(bench.reads[0]?.requests, [{ kind: 'whole', key: 'b' }]);
    return { bench, fence: ['SPUBLISH', FENCE_CHANNEL, bench.reads[0]?.token ?? ''] };
  }

  test('hold their unit open until they are read', () => {
    const { bench, fence } = renamed();
    assert.deepEqual(bench.units(), []);
    bench.feed(fence);
    assert.ok(bench.intake.isBlocked);
    assert.deepEqual(bench.units(), []);
    bench.intake.readDone([string('v')]);
    assert.ok(!bench.intake.isBlocked);
    assert.deepEqual(bench.written, ['DEL a', 'SET b v']);
    assert.deepEqual(bench.units(), ['1..2']);
  });

  test('may be answered before the fence comes by', () => {
    const { bench, fence } = renamed();
    bench.intake.readDone([string('v')]);
    assert.deepEqual(bench.written, ['DEL a']);
    bench.feed(fence, 'SET c 1');
    assert.deepEqual(bench.written, ['DEL a', 'SET b v', 'SET c 1']);
    assert.deepEqual(bench.units(), ['1..2', '3..3']);
  });

  test('cover what happened to their key up to the fence, and nothing of other keys', () => {
    const { bench, fence } = renamed();
    bench.feed('APPEND b x', 'SET c 1', fence);
    bench.intake.readDone([string('vx')]);
    bench.feed('APPEND b y');
    assert.deepEqual(bench.written, ['DEL a', 'SET c 1', 'SET b vx', 'APPEND b y']);
    assert.deepEqual(bench.units(), ['1..3', '4..4']);
  });

  test('are shipped whole where a write of another type comes in from elsewhere meanwhile', () => {
    const [, other] = testOrigins() as [TestOrigin, TestOrigin];
    const writes = ['ZADD k GT 1 m 2 n', 'XGROUP CREATE k g $ MKSTREAM'];
    const wanted = (write: string, remote: string) => {
      const bench = new Bench();
      bench.feed(write);
      bench.intake.noteRemote(other.write(remote));
      bench.intake.requestReads(() => true);
      return bench.reads[0]?.requests.some(({ kind }) => kind === 'whole');
    };
    for (const write of writes) assert.equal(wanted(write, 'SADD k x'), true, write);
    assert.equal(wanted(writes[0] as string, 'ZADD k 2 m'), false);
    assert.equal(wanted(writes[0] as string, 'PEXPIREAT k 9000'), false);
    assert.equal(wanted(writes[0] as string, 'SADD other x'), false);
  });

  test('nothing behind the fence is taken in before the answer', () => {
    const { bench, fence } = renamed();
    bench.feed(fence, 'SET c 1');
    assert.deepEqual(bench.written, ['DEL a']);
    bench.intake.readDone([string('v')]);
    assert.deepEqual(bench.written, ['DEL a', 'SET b v', 'SET c 1']);
  });

  test('are asked for again when the connection is lost', () => {
    const { bench, fence } = renamed();
    bench.feed(fence);
    bench.intake.readLost();
    assert.ok(!bench.intake.isBlocked);
    bench.intake.requestReads(() => true);
    assert.deepEqual(bench.reads[1]?.requests, bench.reads[0]?.requests);
    assert.notEqual(bench.reads[1]?.token, bench.reads[0]?.token);
    assert.deepEqual(bench.units(), []);
  });

  test('are asked for one at a time, those that gather meanwhile together', () => {
    const { bench, fence } = renamed();
    bench.feed('COPY b c', 'RENAME c d');
    bench.intake.requestReads(() => true);
    assert.equal(bench.reads.length, 1);
    bench.feed(fence);
    bench.intake.readDone([string('v')]);
    bench.intake.requestReads(() => true);
    assert.deepEqual(
      bench.reads[1]?.requests.map(({ key }) => key),
      ['c', 'd'],
    );
    assert.deepEqual(bench.units(), []);
  });

  test('of a transaction come in its unit', () => {
    const bench = new Bench();
    bench.feed('MULTI', 'SET a 1', 'COPY a b', 'SET c 3', 'EXEC');
    bench.intake.requestReads(() => true);
    bench.feed(['SPUBLISH', FENCE_CHANNEL, bench.reads[0]?.token ?? '']);
    bench.intake.readDone([string('1')]);
    assert.deepEqual(bench.written, ['SET a 1', 'SET c 3', 'SET b 1']);
    assert.deepEqual(bench.units(), ['1..3']);
  });

  test('a unit that waits too long for its read is let go', () => {
    const { bench } = renamed();
    for (let i = 0; i < 2100; i++) bench.feed(`SET k${i} v`);
    assert.equal(bench.units().at(0)?.startsWith('1..'), true);
  });
});
