import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StreamId } from '../live/streams/stream-id.ts';
import { StreamPacking } from './stream-packing.ts';

/** From where the stream is packed, by the number of the late entry at which it is. */
function packs(
  packing: StreamPacking,
  key: string,
  ids: Iterable<StreamId>,
): Map<number, StreamId> {
  const starts = new Map<number, StreamId>();
  let count = 0;
  for (const id of ids) {
    const start = packing.startFor(key, id);
    if (start !== undefined) starts.set(count, start);
    count++;
  }
  return starts;
}

const ids = (count: number): StreamId[] => Array.from({ length: count }, (_, i) => BigInt(100 + i));

test('a stream is packed now and then, from where it was packed last', () => {
  const starts = packs(new StreamPacking(), 'k', ids(200));
  assert.deepEqual(
    [...starts],
    [
      [32, 100n],
      [64, 100n],
      [96, 100n],
      [128, 196n],
      [160, 196n],
      [192, 196n],
    ],
  );
});

test('a stream that begins anew is packed from its beginning', () => {
  const packing = new StreamPacking();
  packs(packing, 'k', ids(40));
  assert.equal(packing.startFor('k', 5n), undefined);
  assert.deepEqual([...packs(packing, 'k', ids(32))], [[31, 5n]]);
});

test('streams are counted apart', () => {
  const packing = new StreamPacking();
  packs(packing, 'a', ids(31));
  assert.deepEqual([...packs(packing, 'b', ids(32))], []);
});
