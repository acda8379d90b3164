// Both sides of a snapshot that comes as a difference, without sockets and engines.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { CorruptInput } from '../../../base/errors.ts';
import { SALT_BYTES } from '../../../rdb/units.ts';
import {
  encodeRecord,
  RECORD_HEADER_BYTES,
  type Record,
  RecordReader,
  RecordType,
} from '../../../wire/record.ts';
import { temporaryDirectory } from '../../log/frames.fixture.ts';
import { HeldSnapshot } from './held-snapshot.ts';
import { encodeBatch, encodeLacks, encodeSnapshotEnd, encodeTunnelBytes } from './messages.ts';
import { DeltaReceiver } from './receiver.ts';
import { DeltaSender, WINDOW_BYTES } from './sender.ts';

const SALT = Buffer.alloc(SALT_BYTES, 's');

/** A snapshot with these values of keys. */
function snapshotOf(values: ReadonlyMap<number, Buffer>): Buffer {
  const parts: Buffer[] = [Buffer.from('REDIS0011')];
  for (const [key, value] of values) {
    const lengths = Buffer.alloc(5, 0x80);
    lengths.writeUInt32BE(value.length, 1);
    const name = Buffer.from(`key:${key}`);
    parts.push(Buffer.from([0, name.length]), name, lengths, value);
  }
  parts.push(Buffer.from([255]), randomBytes(8));
  return Buffer.concat(parts);
}

const valuesOf = (count: number, bytes: number): Map<number, Buffer> =>
  new Map(Array.from({ length: count }, (_, i) => [i, randomBytes(bytes)]));

async function holding(test: TestContext, snapshot: Buffer): Promise<HeldSnapshot> {
  const file = join(temporaryDirectory({ after: (done) => test.after(done) }), 'held');
  writeFileSync(file, snapshot);
  const held = await HeldSnapshot.open({ file, salt: SALT });
  assert.ok(held !== undefined);
  test.after(() => held.close());
  return held;
}

/** One conversation. What either side says reaches the other when `settle` is called. */
class Conversation {
  readonly given: Buffer[] = [];
  failure: Error | undefined;
  sentBytes = 0;
  isDonorDeaf = false;
  sizes: readonly number[] = [];
  readonly sender: DeltaSender;
  readonly receiver: DeltaReceiver;
  readonly #toNewcomer: Buffer[] = [];
  readonly #toDonor: Record[] = [];
  #turn = 0;

  constructor(held: HeldSnapshot) {
    this.sender = new DeltaSender(SALT, (record) => {
      this.sentBytes += record.length;
      this.#toNewcomer.push(record);
    });
    this.receiver = new DeltaReceiver({
      held,
      answer: (bytes) => {
        const reader = new RecordReader();
        reader.feed(bytes);
        this.#toDonor.push(reader.next() as Record);
      },
      give: (bytes) => {
        this.given.push(bytes);
        // Sometimes it has enough.
        if (++this.#turn % 3 !== 0) return true;
        setImmediate(() => this.receiver.drained());
        return false;
      },
      onEnough: () => {},
      onFailure: (error) => {
        this.failure = error;
      },
    });
  }

  tell(record: Buffer): void {
    this.#toNewcomer.push(record);
  }

  /** Until nobody has anything to say, and nothing more is given. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 10; ) {
      const givenBytes = this.receiver.givenBytes;
      const bytes = Buffer.concat(this.#toNewcomer.splice(0));
      const size = this.sizes[this.#turn % Math.max(1, this.sizes.length)] ?? bytes.length;
      for (let at = 0; at < bytes.length; at += size) {
        this.receiver.receive(bytes.subarray(at, at + size));
      }
      for (const record of this.#toDonor.splice(0)) {
        if (!this.isDonorDeaf) this.sender.answered(record);
      }
      this.sender.sendDue(() => true);
      await new Promise((resolve) => setTimeout(resolve, 1));
      const isSilent = this.#toNewcomer.length === 0 && this.#toDonor.length === 0;
      quiet = isSilent && givenBytes === this.receiver.givenBytes ? quiet + 1 : 0;
    }
  }

  async send(snapshot: Buffer, chunkBytes: number): Promise<void> {
    for (let at = 0; at < snapshot.length; at += chunkBytes) {
      this.sender.take(snapshot.subarray(at, at + chunkBytes));
      if (this.sender.isFull) await this.settle();
    }
    this.sender.end();
    await this.settle();
  }
}

test('what is made is the snapshot, and little of it travels', async (test) => {
  const values = valuesOf(5000, 1000);
  const held = await holding(test, snapshotOf(new Map([...values].reverse())));
  for (let i = 0; i < 5000; i += 100) values.set(i, randomBytes(1000));
  const snapshot = snapshotOf(values);
  const conversation = new Conversation(held);
  conversation.tell(encodeTunnelBytes(Buffer.from('before ')));
  await conversation.send(snapshot, 60_000);
  assert.ok(conversation.sender.isComplete && conversation.receiver.isWhole);
  conversation.tell(encodeTunnelBytes(Buffer.from('behind')));
  await conversation.settle();
  const expected = Buffer.concat([Buffer.from('before '), snapshot, Buffer.from('behind')]);
  assert.ok(Buffer.concat(conversation.given).equals(expected));
  assert.equal(conversation.receiver.givenBytes, expected.length);
  assert.ok(conversation.sentBytes < snapshot.length * 0.03, `${conversation.sentBytes} bytes`);
});

test('whatever is held, whatever comes, however it is cut: the snapshot is made', async (test) => {
  const arbitraryValues = fc.dictionary(
    fc.nat(9).map(String),
    fc.tuple(fc.nat(3), fc.constantFrom(0, 5, 40, 1000, 100_000, 300_000)),
    { noNullPrototype: true },
  );
  // Of one seed and length there is one value.
  const filled = (seeds: { [key: string]: [seed: number, bytes: number] }): Buffer =>
    snapshotOf(
      new Map(
        Object.entries(seeds).map(([key, [seed, bytes]]) => {
          return [Number(key), Buffer.alloc(bytes, `${seed}-${bytes}`)];
        }),
      ),
    );
  await fc.assert(
    fc.asyncProperty(
      ...([arbitraryValues, arbitraryValues, fc.integer({ min: 1, max: 90_000 })] as const),
      fc.array(fc.integer({ min: 1000, max: 200_000 })),
      async (before, now, chunkBytes, sizes) => {
        const snapshot = filled(now);
        const conversation = new Conversation(await holding(test, filled(before)));
        conversation.sizes = sizes;
        await conversation.send(snapshot, Math.max(chunkBytes, snapshot.length >> 6));
        assert.equal(conversation.failure, undefined);
        assert.ok(conversation.receiver.isWhole);
        assert.ok(Buffer.concat(conversation.given).equals(snapshot));
      },
    ),
    { numRuns: 30 },
  );
});

test('what waits for answers is bounded, and answers make room', async (test) => {
  const held = await holding(test, snapshotOf(new Map()));
  const conversation = new Conversation(held);
  const snapshot = snapshotOf(valuesOf(60, 1_000_000));
  let taken = 0;
  for (; !conversation.sender.isFull; taken += 65_536) {
    conversation.sender.take(snapshot.subarray(taken, taken + 65_536));
  }
  assert.ok(taken > WINDOW_BYTES * 0.9 && taken < WINDOW_BYTES * 1.1, `${taken} bytes`);
  assert.equal(
    conversation.sender.sendDue(() => false),
    true,
    'nothing has been asked for',
  );
  await conversation.settle();
  assert.equal(conversation.sender.isFull, false);
  await conversation.send(snapshot.subarray(taken), 65_536);
  assert.ok(Buffer.concat(conversation.given).equals(snapshot));
});

test('what cannot be split travels as it is', async (test) => {
  const strange = Buffer.concat([Buffer.from('OTHER0001'), randomBytes(2_000_000)]);
  const conversation = new Conversation(await holding(test, strange));
  await conversation.send(strange, 65_536);
  assert.match(conversation.sender.reason ?? '', /does not begin/);
  assert.ok(Buffer.concat(conversation.given).equals(strange));
  assert.ok(conversation.sentBytes > strange.length);
});

test('an end that does not match gives no last batch: no engine takes it for a snapshot', async (test) => {
  const snapshot = snapshotOf(valuesOf(100, 1000));
  for (const end of [
    { bytes: snapshot.length, crc32: 7 },
    { bytes: snapshot.length + 1, crc32: 0 },
  ]) {
    const conversation = new Conversation(await holding(test, snapshot));
    conversation.sender.take(snapshot);
    conversation.sender.flush();
    await conversation.settle();
    conversation.tell(encodeSnapshotEnd(end));
    await conversation.settle();
    assert.ok(conversation.failure instanceof CorruptInput);
    assert.equal(conversation.receiver.isWhole, false);
    assert.ok(conversation.receiver.givenBytes < snapshot.length);
  }
});

test('a file that has changed since it was looked at fails the tunnel', async (test) => {
  const snapshot = snapshotOf(valuesOf(100, 1000));
  const dir = temporaryDirectory({ after: (done) => test.after(done) });
  for (const [name, change] of Object.entries({
    other: (file: string) => writeFileSync(file, Buffer.alloc(snapshot.length, 'x')),
    short: (file: string) => truncateSync(file, 5000),
  })) {
    const file = join(dir, name);
    writeFileSync(file, snapshot);
    const held = await HeldSnapshot.open({ file, salt: SALT });
    assert.ok(held !== undefined);
    test.after(() => held.close());
    change(file);
    const conversation = new Conversation(held);
    await conversation.send(snapshot, 10_000);
    assert.ok(conversation.failure instanceof CorruptInput, name);
    assert.ok(conversation.receiver.givenBytes < snapshot.length);
  }
});

const units = (...entries: number[]): Buffer =>
  encodeBatch(RecordType.snapshotUnits, 1, [Buffer.from(entries)]);
const NONSENSE: { [what: string]: Buffer[] } = {
  'a batch without a number': [encodeRecord(RecordType.snapshotUnits, Buffer.alloc(3))],
  'a batch that is not the next': [encodeBatch(RecordType.snapshotUnits, 2, [])],
  'an entry that is cut': [units(20, 1)],
  'an endless length': [units(255, 255, 255, 255, 255, 255)],
  'a unit of no bytes': [units(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)],
  'units that nobody asked for': [encodeBatch(RecordType.snapshotBodies, 1, [])],
  'fewer units than were asked for': [
    units(101, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    encodeBatch(RecordType.snapshotBodies, 1, [Buffer.alloc(49)]),
  ],
  'more units than were asked for': [
    units(101, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    encodeBatch(RecordType.snapshotBodies, 1, [Buffer.alloc(51)]),
  ],
  'the stream before the end': [units(2, 7), encodeTunnelBytes(Buffer.from('stream'))],
  'an end of the wrong size': [encodeRecord(RecordType.snapshotEnd, Buffer.alloc(5))],
  'another record': [encodeRecord(RecordType.ops, Buffer.alloc(5))],
  'no record': [Buffer.from('these are no records')],
};
for (const [what, records] of Object.entries(NONSENSE)) {
  test(`a newcomer takes no nonsense: ${what}`, async (test) => {
    const conversation = new Conversation(await holding(test, snapshotOf(valuesOf(3, 100))));
    conversation.isDonorDeaf = true;
    for (const record of records) conversation.tell(record);
    await conversation.settle();
    assert.ok(conversation.failure instanceof CorruptInput, String(conversation.failure));
    assert.equal(conversation.receiver.givenBytes, 0);
  });
}

test('a donor takes no answer that it has not asked for, or of another size', () => {
  const answer = (batch: number, count: number): Record => ({
    type: RecordType.snapshotLacks,
    bytes: encodeLacks(batch, new Array<boolean>(count).fill(true)),
  });
  const asked = (): DeltaSender => {
    const sender = new DeltaSender(SALT, () => {});
    sender.take(snapshotOf(valuesOf(20, 100)));
    sender.flush();
    return sender;
  };
  assert.throws(() => asked().answered(answer(2, 20)), CorruptInput);
  assert.throws(() => asked().answered(answer(1, 9)), CorruptInput);
  const sender = asked();
  sender.answered(answer(1, 20));
  assert.throws(() => sender.answered(answer(1, 20)), CorruptInput);
  const cut = encodeRecord(RecordType.snapshotLacks, Buffer.alloc(2));
  assert.equal(cut.length, RECORD_HEADER_BYTES + 2);
  assert.throws(
    () => asked().answered({ type: RecordType.snapshotLacks, bytes: cut }),
    CorruptInput,
  );
});
