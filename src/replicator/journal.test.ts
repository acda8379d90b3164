import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CorruptInput } from '../base/errors.ts';
import { encodeRecord, RecordReader, RecordType } from '../wire/record.ts';
import {
  type Checkpoint,
  decodeCheckpoint,
  decodeOver,
  decodeVisible,
  encodeCheckpoint,
  encodeOver,
  encodeVisible,
} from './journal.ts';

/** With the prototype that objects in the program have. */
const RECORD = { noNullPrototype: true };
const count = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const id = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const entries = fc.array(fc.tuple(id, count), { maxLength: 5 });

test('what became visible is read as it was written', () => {
  const record = fc.record({ origin: id, seq: count, position: count, fence: count }, RECORD);
  fc.assert(
    fc.property(record, (visible) => {
      const reader = new RecordReader();
      reader.feed(encodeVisible(visible));
      const read = reader.next();
      assert.equal(read?.type, RecordType.visible);
      assert.deepEqual(decodeVisible(read?.bytes as Buffer), visible);
    }),
  );
});

test('a checkpoint is read as it was written', () => {
  const checkpoint = fc.record(
    {
      self: count,
      replicationId: fc.stringMatching(/^[0-9a-f]{40}$/),
      position: count,
      visible: entries,
      received: entries,
      frontier: entries,
      clock: count,
      applyFence: count,
    },
    RECORD,
  );
  fc.assert(
    fc.property(checkpoint, (written) => {
      const read: Checkpoint = decodeCheckpoint(encodeCheckpoint(written));
      assert.deepEqual(read, written);
    }),
  );
});

test('keys that are stable again are read as they were written, whatever bytes they are', () => {
  const key = fc.string({
    unit: fc.integer({ min: 0, max: 255 }).map((c) => String.fromCharCode(c)),
  });
  fc.assert(
    fc.property(fc.array(key), (keys) => assert.deepEqual(decodeOver(encodeOver(keys)), keys)),
  );
});

test('a record of the wrong length is refused', () => {
  for (const length of [0, 27, 29]) {
    const bytes = encodeRecord(RecordType.visible, Buffer.alloc(length));
    assert.throws(() => decodeVisible(bytes), CorruptInput);
  }
});

test('what is no checkpoint is refused', () => {
  const texts = ['', '{', 'null', '[]', '{"position":1}', '{"replicationId":7}'];
  for (const text of texts) {
    const bytes = encodeRecord(RecordType.checkpoint, Buffer.from(text));
    assert.throws(() => decodeCheckpoint(bytes), CorruptInput, text);
  }
});
