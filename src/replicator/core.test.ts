// What becomes of batches whose outcome is not known: the connection with the engine was lost, or the replicator
// started again.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeStrings } from '../resp/encode.ts';
import { decodeFrameHeader } from '../wire/frame.ts';
import { RecordReader, RecordType } from '../wire/record.ts';
import type { Probe } from './apply/applier.ts';
import { FENCE_CHANNEL, FenceMaker } from './apply/fence.ts';
import { Core } from './core.ts';
import type { CoreOptions } from './core-port.ts';
import { encodeForked } from './journal.ts';
import { commandsIn, type TestOrigin, testOrigins } from './live/ops.fixture.ts';

const SECRET = Buffer.from('secret');
const START = 1000;
const NOW_MS = 1_700_000_000_000;

/** The core of a member, member 1 mostly, in one life; its engine is this test. */
class Life {
  readonly core: Core;
  readonly options: CoreOptions;
  readonly log: Buffer[];
  readonly probes: Probe[] = [];
  readonly tokens: string[] = [];
  /** Of the transactions. */
  readonly commands: string[][][] = [];
  #offset: number;

  constructor(
    life: number,
    earlier?: Pick<Life, 'log' | 'offset'>,
    [self, members]: [number, number[]] = [1, [1, 2, 3]],
  ) {
    this.log = [...(earlier?.log ?? [])];
    this.#offset = earlier?.offset ?? START;
    this.options = {
      self,
      members,
      secret: SECRET,
      life,
      conflicts: { values: false, maxRecords: 10 },
      port: {
        append: (records) => this.log.push(...records),
        frameWith: (...op) => this.#frameWith(...op),
        probe: (probe) => this.probes.push(probe),
        execute: (_channel, token, commands) => {
          this.tokens.push(token);
          this.commands.push(commandsIn(commands));
        },
        read: () => {},
        write: () => {},
        hurry: () => {},
        acknowledge: () => {},
        want: () => {},
        pause: () => {},
        resume: () => {},
        notice: () => {},
      },
    };
    this.core = new Core(this.options);
    const reader = new RecordReader();
    for (const bytes of this.log) reader.feed(bytes);
    this.core.recover(recordsOf(reader));
    this.core.captureStarted('replication', this.#offset);
    this.connect();
  }

  get offset(): number {
    return this.#offset;
  }

  connect(): void {
    this.core.engineConnected();
    this.answerProbe();
  }

  stream(...commands: string[]): void {
    for (const command of commands) {
      const bytes = encodeStrings(command.split(' '));
      this.#offset += bytes.length;
      this.core.stream(bytes, NOW_MS);
    }
    this.core.endTurn(NOW_MS);
  }

  receive(frame: Buffer): void {
    this.core.frame(frame);
    this.core.endTurn(NOW_MS);
  }

  /** Every list has so many elements. */
  answerProbe(length = 1): void {
    const { measure } = this.probes.at(-1) as Probe;
    this.core.probed(
      this.#offset,
      measure.map(() => ({ length })),
    );
    this.core.endTurn(NOW_MS);
  }

  #frameWith(origin: number, seq: number): Buffer | undefined {
    return this.log.find((bytes) => {
      if (bytes[12] !== RecordType.ops) return false;
      const frame = decodeFrameHeader(bytes);
      return frame.origin === origin && frame.firstSeq <= seq && seq < frame.firstSeq + frame.count;
    });
  }

  /** Numbers of the fences of the transactions so far. */
  get fences(): (number | undefined)[] {
    return this.tokens.map((token) => new FenceMaker(SECRET).verify(token)?.number);
  }

  get visible(): Map<number, number> {
    return new Map(this.core.published.visible);
  }
}

function* recordsOf(reader: RecordReader) {
  for (let record = reader.next(); record !== undefined; record = reader.next()) yield record;
}

function frameOfSecond(command: string): Buffer {
  const [, second] = testOrigins();
  return (second as TestOrigin).frame([command]);
}

test('the id under which the stream goes on behind a failover survives a crash', () => {
  const life = new Life(1);
  life.stream('SELECT 0', 'INCR n');
  life.core.captureStarted('after the failover', life.offset);
  const reader = new RecordReader();
  for (const bytes of life.log) reader.feed(bytes);
  const core = new Core({ ...life.options, life: 2 });
  core.recover(recordsOf(reader));
  assert.deepEqual(core.resumePosition, {
    replicationId: 'after the failover',
    offset: life.offset,
  });
});

test('a batch that was executed before the connection was lost is known by its fence', () => {
  const life = new Life(1);
  life.receive(frameOfSecond('INCRBY n 5'));
  life.answerProbe();
  assert.equal(life.tokens.length, 1);
  life.core.engineConnected();
  life.stream('MULTI', `SPUBLISH ${FENCE_CHANNEL} ${life.tokens[0]}`, 'INCRBY n 5', 'EXEC');
  life.answerProbe();
  assert.equal(life.visible.get(2), 1);
  assert.equal(life.visible.get(1) ?? 0, 0);
  assert.equal(life.core.counters.strangeFences, 0);
  assert.equal(life.tokens.length, 1);
});

test('a batch that was executed before the stream was lost for good is not applied again', () => {
  const life = new Life(1);
  life.receive(frameOfSecond('INCRBY n 5'));
  life.answerProbe();
  life.core.executed({ kind: 'committed' });
  life.core.streamLost();
  assert.equal(new Life(2, life).visible.get(2), 1);
  // Nor is one taken for executed of which that is not known.
  const other = new Life(1);
  other.receive(frameOfSecond('INCRBY n 5'));
  other.answerProbe();
  other.core.streamLost();
  assert.equal(new Life(2, other).visible.get(2) ?? 0, 0);
});

test('no later batch has the fence of one that was measured and not executed', () => {
  const first = new Life(1);
  first.stream('RPUSH l own');
  first.receive(frameOfSecond('LPUSH l other'));
  first.answerProbe();
  assert.deepEqual(first.fences, [1]);
  const second = new Life(2, first);
  second.stream('RPUSH l another');
  assert.equal(second.core.published.applyFence, 0);
  second.answerProbe(2);
  assert.deepEqual(second.fences, [2]);
  second.stream('MULTI', `SPUBLISH ${FENCE_CHANNEL} ${second.tokens[0]}`, 'LPUSH l other', 'EXEC');
  assert.equal(second.visible.get(2), 1);
  assert.equal(second.core.published.applyFence, 2);
});

/** A stream of two entries that was cut; how far is not told yet. */
function lifeWithCut(): Life {
  const life = new Life(1);
  life.stream('SELECT 0', 'XADD s 1-1 f v', 'XADD s 1-2 f v', 'XTRIM s MAXLEN = 1');
  return life;
}

test('ops that cut a stream stay in the log until others know how far, though all have them', () => {
  const { core } = lifeWithCut();
  for (const peer of [2, 3]) core.stated(peer, [[1, 3]]);
  core.endTurn(NOW_MS);
  assert.equal(new Map(core.frontier).get(1), 3);
  assert.equal(core.index.replayable[0], 2);
});

test('a member that begins with a copy of a log writes anew what its donor has cut', () => {
  const { log, offset } = lifeWithCut();
  const forked = encodeForked({ self: 4, replicationId: 'copy', position: offset });
  const life = new Life(2, { log: [...log, forked], offset }, [4, [1, 2, 3, 4]]);
  life.answerProbe();
  assert.equal(life.commands.length, 1);
  const written = life.commands[0]?.flat() ?? [];
  assert.ok(
    ['s', '1-1', '1-2'].every((one) => written.includes(one)),
    written.join(' '),
  );
});
