import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CorruptInput } from '../../base/errors.ts';
import { encodeRecord, type Record, RecordReader, RecordType } from '../../wire/record.ts';
import { makeFrame } from '../log/frames.fixture.ts';
import { ClockEstimate } from './clock-estimate.ts';
import { BATCH_BYTES_MAX, compressRecords, unpackRecords } from './compression.ts';
import type { Identity } from './greeting.ts';
import {
  decodeAck,
  decodePong,
  encodeAck,
  encodePong,
  encodeRefusal,
  encodeWant,
} from './messages.ts';
import { ReceiverSession } from './receiver-session.ts';
import { HistoryGap, SenderSession } from './sender-session.ts';
import type { Effect, Instant } from './session.ts';

const at = (ms: number): Instant => ({ nowMs: ms, wallMs: 1_000_000 + ms });

function read(bytes: Buffer): Record {
  const reader = new RecordReader();
  reader.feed(bytes);
  return reader.next() as Record;
}

function identity(self: number, change: Partial<Identity> = {}): Identity {
  const members = [1, 2, 3].map((id) => ({ id, region: `r${id}`, host: 'localhost', port: id }));
  return { group: 'g', shard: 0, epoch: 5, self, members, software: 'test', ...change };
}

/** A log with frames of two ops each, up to `last`. */
function framesUpTo(last: () => number) {
  return {
    lastSeq: () => last(),
    frameAfter: (origin: number, seq: number) =>
      seq < last() ? makeFrame(origin, seq - (seq % 2) + 1, 2) : undefined,
  };
}

function makeSender(change: Partial<Identity> = {}, last = 10) {
  const clock = new ClockEstimate();
  const session = new SenderSession(
    {
      identity: identity(1, change),
      target: 2,
      frames: framesUpTo(() => last),
      received: (origin) => (origin === 1 ? last : 0),
      clock,
    },
    at(0),
  );
  return { session, clock };
}

function makeReceiver(change: Partial<Identity> = {}, has = 0) {
  return new ReceiverSession(
    {
      identity: identity(2, change),
      certificate: { kind: 'plain' },
      received: (id) => (id === 1 ? has : 0),
    },
    at(0),
  );
}

const sent = (effects: Effect[]): Record[] =>
  effects.flatMap((effect) => (effect.do === 'send' ? [read(effect.record)] : []));
const kinds = (effects: Effect[]): string[] =>
  effects.map((effect) => (effect.do === 'send' ? `send ${read(effect.record).type}` : effect.do));

function greet(
  sender: SenderSession,
  receiver: ReceiverSession,
): { sender: Effect[]; receiver: Effect[] } {
  const hello = sent(sender.connected({ kind: 'plain' }, at(0)))[0] as Record;
  const answer = receiver.receive(hello, at(0));
  const effects = sent(answer).flatMap((record) => sender.receive(record, at(0)));
  return { sender: effects, receiver: answer };
}

test('a greeting opens both sides, and sending resumes behind what the receiver has', () => {
  const { session } = makeSender();
  const receiver = makeReceiver({}, 6);
  const effects = greet(session, receiver);
  assert.deepEqual(kinds(effects.receiver), ['open', `send ${RecordType.hello}`]);
  assert.deepEqual(kinds(effects.sender), ['open', `send ${RecordType.ping}`, 'pump']);
  const frames = [session.nextFrame(), session.nextFrame(), session.nextFrame()];
  assert.ok(frames[0]?.equals(makeFrame(1, 7, 2)) && frames[1]?.equals(makeFrame(1, 9, 2)));
  assert.equal(frames[2], undefined);
  assert.equal(session.hasMore, false);
  assert.deepEqual(receiver.receive(read(frames[0] as Buffer), at(1)), [
    { do: 'frame', bytes: frames[0] },
  ]);
});

test('each wrong greeting ends both sides with the same refusal', () => {
  const members = identity(2).members.slice(1);
  const cases: [Partial<Identity>, Partial<Identity>, string][] = [
    [{ group: 'h' }, {}, 'group'],
    [{ shard: 1 }, {}, 'shard'],
    [{ epoch: 4 }, {}, 'epoch'],
    [{}, { epoch: 4 }, 'epoch'],
    [{}, { members }, 'unknown-member'],
    [{}, { self: 3 }, 'identity'],
  ];
  for (const [ofSender, ofReceiver, code] of cases) {
    const { session } = makeSender(ofSender);
    const receiver = makeReceiver(ofReceiver);
    const first = greet(session, receiver);
    const last = sent(first.sender).flatMap((record) => receiver.receive(record, at(1)));
    const codes = [...first.sender, ...first.receiver, ...last].flatMap((effect) =>
      effect.do === 'close' ? [`${effect.refusal?.by} ${effect.refusal?.code}`] : [],
    );
    assert.deepEqual(codes.sort(), [`them ${code}`, `us ${code}`], code);
    assert.equal(session.isStreaming || receiver.isStreaming, false);
  }
});

test('certificates: an untrusted one is refused at once, a foreign name after the hello', () => {
  const untrusted = makeSender().session.connected({ kind: 'untrusted', reason: 'x' }, at(0));
  assert.deepEqual(kinds(untrusted), [`send ${RecordType.refused}`, 'close']);
  const options = { identity: identity(2), received: () => 0 };
  const hello = sent(makeSender().session.connected({ kind: 'plain' }, at(0)))[0] as Record;
  for (const [name, expected] of [
    ['r1', 'open'],
    ['r3', `send ${RecordType.refused}`],
  ] as const) {
    const receiver = new ReceiverSession(
      { ...options, certificate: { kind: 'trusted', name } },
      at(0),
    );
    assert.equal(kinds(receiver.receive(hello, at(0)))[0], expected);
  }
});

test('a peer that knows more of our ops than we do is refused: our state was lost', () => {
  const { session } = makeSender({}, 10);
  const effects = greet(session, makeReceiver({}, 11)).sender;
  assert.equal(effects.find((effect) => effect.do === 'close')?.refusal?.code, 'history');
});

test('a hole between what the peer has and what the log holds is not sent over', () => {
  const session = new SenderSession(
    {
      identity: identity(1),
      target: 2,
      frames: { lastSeq: () => 20, frameAfter: () => makeFrame(1, 15, 6) },
      received: () => 20,
      clock: new ClockEstimate(),
    },
    at(0),
  );
  greet(session, makeReceiver({}, 3));
  assert.throws(() => session.nextFrame(), HistoryGap);
});

test('a want is answered once, from behind what was asked for to what is there', () => {
  const { session } = makeSender();
  greet(session, makeReceiver({}, 10));
  session.receive(read(encodeWant({ origin: 3, afterSeq: 4 })), at(1));
  session.receive(read(encodeWant({ origin: 3, afterSeq: 6 })), at(1));
  const frames = [5, 7, 9].map((first) => makeFrame(3, first, 2));
  for (const frame of frames) assert.ok(session.nextFrame()?.equals(frame));
  assert.equal(session.nextFrame(), undefined);
  assert.equal(session.hasMore, false);
});

test('three quick pings, then one a second, and none to a peer that never answers', () => {
  const { session, clock } = makeSender();
  const receiver = makeReceiver();
  let pings = sent(greet(session, receiver).sender);
  for (let i = 0; i < 3; i++) {
    assert.equal(pings.length, 1);
    const pongs = sent(receiver.receive(pings[0] as Record, at(i * 20 + 10)));
    pings = sent(session.receive(pongs[0] as Record, at(i * 20 + 20)));
  }
  assert.equal(pings.length, 0);
  assert.equal(clock.roundTripMs, 20);
  let count = 0;
  for (let ms = 1000; ms < 60_000; ms += 250) {
    session.heard(at(ms));
    count += sent(session.tick(at(ms))).length;
  }
  assert.equal(count, 8);
});

test('silence for five seconds ends a session, in any state', () => {
  const { session } = makeSender();
  const receiver = makeReceiver();
  assert.deepEqual(kinds(makeSender().session.tick(at(5000))), ['close']);
  assert.deepEqual(kinds(makeReceiver().tick(at(5000))), ['close']);
  greet(session, receiver);
  session.heard(at(3000));
  receiver.heard(at(3000));
  assert.ok(!kinds(session.tick(at(7999))).includes('close'));
  assert.ok(!kinds(receiver.tick(at(7999))).includes('close'));
  assert.deepEqual(kinds(session.tick(at(8000))), ['close']);
  assert.deepEqual(kinds(receiver.tick(at(8000))), ['close']);
  assert.deepEqual(session.tick(at(9000)), []);
});

test('acks: at once when idle, one in forty milliseconds under load, one a second always', () => {
  const receiver = makeReceiver();
  greet(makeSender().session, receiver);
  receiver.acknowledge([[1, 1]]);
  assert.equal(receiver.newsDueMs(at(0)), 0);
  assert.equal(sent(receiver.tick(at(0))).length, 1);
  receiver.acknowledge([[1, 2]]);
  receiver.acknowledge([[1, 3]]);
  assert.equal(receiver.newsDueMs(at(4)), 36);
  assert.equal(sent(receiver.tick(at(39))).length, 0);
  const [ack] = sent(receiver.tick(at(40)));
  assert.deepEqual(decodeAck(ack as Record), { wallMs: 1_000_040, entries: [[1, 3]] });
  assert.equal(receiver.newsDueMs(at(41)), undefined);
  assert.equal(sent(receiver.tick(at(1039))).length, 0);
  assert.equal(sent(receiver.tick(at(1040))).length, 1);
});

test('the clock estimate trusts the shortest trip of the last eight', () => {
  const clock = new ClockEstimate();
  // Their clock is 500 ahead; one way takes 10, the way back up to 90 more.
  const add = (extra: number): void =>
    clock.add({ sentMs: 0, receivedMs: 510, answeredMs: 512 }, 22 + extra);
  add(90);
  add(0);
  add(40);
  assert.deepEqual([clock.roundTripMs, clock.skewMs], [20, 500]);
  for (let i = 0; i < 8; i++) add(40);
  // The clock was set back in between: such a trip says nothing.
  add(-100);
  assert.deepEqual([clock.roundTripMs, clock.skewMs], [60, 480]);
});

test('messages survive their encoding', () => {
  const seq = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
  const entries = fc.array(fc.tuple(fc.integer({ min: 1, max: 0xffffffff }), seq), {
    maxLength: 20,
  });
  const ms = fc.double({ noNaN: true, noDefaultInfinity: true });
  fc.assert(
    fc.property(entries, ms, ms, ms, (list, a, b, c) => {
      assert.deepEqual(decodeAck(read(encodeAck({ wallMs: a, entries: list }))), {
        wallMs: a,
        entries: list,
      });
      const pong = { sentMs: a, receivedMs: b, answeredMs: c };
      assert.deepEqual(decodePong(read(encodePong(pong))), pong);
    }),
  );
});

test('whatever comes, a session answers with effects or CorruptInput, and stays closed once closed', () => {
  const known = fc.constantFrom(
    makeFrame(1, 1, 2),
    encodeAck({ wallMs: 1, entries: [[1, 1]] }),
    encodePong({ sentMs: 1, receivedMs: 2, answeredMs: 3 }),
    encodeWant({ origin: 3, afterSeq: 0 }),
    encodeRefusal({ code: 'x', message: 'y', action: 'z' }),
    sent(makeSender().session.connected({ kind: 'plain' }, at(0)))[0]?.bytes as Buffer,
    sent(greet(makeSender().session, makeReceiver()).receiver)[0]?.bytes as Buffer,
  );
  const noise = fc
    .tuple(fc.constantFrom(...Object.values(RecordType)), fc.uint8Array({ maxLength: 60 }))
    .map(([type, body]) => encodeRecord(type, Buffer.from(body)));
  const input = fc.array(fc.oneof(known, noise), { maxLength: 12 });
  fc.assert(
    fc.property(input, fc.boolean(), (records, isGreeted) => {
      const { session } = makeSender();
      const receiver = makeReceiver();
      if (isGreeted) greet(session, receiver);
      else session.connected({ kind: 'plain' }, at(0));
      for (const side of [session, receiver]) {
        let isClosed = false;
        for (const bytes of records) {
          try {
            const effects = side.receive(read(bytes), at(1));
            if (isClosed) assert.deepEqual(effects, []);
            isClosed ||= kinds(effects).includes('close');
          } catch (error) {
            assert.ok(error instanceof CorruptInput);
          }
        }
      }
    }),
    { numRuns: 500 },
  );
});

test('compressed records unfold to what they were, and a bomb does not', () => {
  const frames = Array.from({ length: 50 }, (_, i) => makeFrame(1, i + 1, 1));
  const bytes = frames.reduce((sum, frame) => sum + frame.length, 0);
  const packed = compressRecords(frames, bytes, 3) as Buffer;
  assert.ok(packed.length < bytes / 2);
  const unpacked = unpackRecords(read(packed));
  assert.ok(Buffer.concat(unpacked.map((record) => record.bytes)).equals(Buffer.concat(frames)));
  assert.equal(compressRecords([makeFrame(1, 1, 1)], 100, 3), undefined);
  const huge = makeFrame(1, 1, 1, BATCH_BYTES_MAX);
  assert.equal(compressRecords([huge], huge.length, 3), undefined);
});

test('a compressed record that unfolds too far, not at all, or in mid-record is corrupt', async () => {
  const { zstdCompressSync } = await import('node:zlib');
  const frame = makeFrame(1, 1, 20);
  for (const body of [
    zstdCompressSync(Buffer.alloc(BATCH_BYTES_MAX + 1)),
    Buffer.from('no zstd'),
    zstdCompressSync(frame.subarray(0, frame.length - 1)),
    zstdCompressSync(compressRecords([frame], frame.length, 1) as Buffer),
  ]) {
    assert.throws(
      () => unpackRecords(read(encodeRecord(RecordType.compressed, body))),
      CorruptInput,
    );
  }
});
