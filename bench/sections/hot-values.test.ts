import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HOT_KEYS } from '../load/hot-keys.ts';
import { canonical, difference } from './hot-values.ts';

const bytes = (...texts: string[]) => texts.map((text) => Buffer.from(text, 'latin1'));

test('sets and hashes are equal in any order, fields keep their values', () => {
  const { hotSet, hotHash } = HOT_KEYS;
  assert.deepEqual(canonical(hotSet, bytes('b', 'a')), canonical(hotSet, bytes('a', 'b')));
  assert.deepEqual(canonical(hotHash, bytes('f', '2', 'e', '1')), ['e', '1', 'f', '2']);
  assert.notDeepEqual(
    canonical(hotHash, bytes('f', '1', 'e', '2')),
    canonical(hotHash, bytes('f', '2', 'e', '1')),
  );
});

test('lists and sorted sets are not: their order is part of the value', () => {
  for (const hotKey of [HOT_KEYS.hotQueue, HOT_KEYS.hotSortedSet]) {
    assert.deepEqual(canonical(hotKey, bytes('b', 'a')), ['b', 'a']);
  }
});

test('entries of streams, numbers and nothing become texts, bytes stay what they are', () => {
  const entry = [Buffer.from('1-0'), bytes('field', 'value')];
  assert.deepEqual(canonical(HOT_KEYS.hotStream, [entry]), ['1-0', 'field', 'value']);
  assert.deepEqual(canonical(HOT_KEYS.hotHyperLogLog, 7), ['7']);
  assert.notDeepEqual(canonical(HOT_KEYS.hotCounter, null), canonical(HOT_KEYS.hotCounter, ''));
  const [one, other] = [0x80, 0x81].map((byte) => canonical(HOT_KEYS.hotBitmap, Buffer.of(byte)));
  assert.notDeepEqual(one, other);
});

test('equal values do not differ', () => {
  const values = new Map([
    ['eastus', ['1', '2']],
    ['westeurope', ['1', '2']],
  ]);
  assert.equal(difference(values), null);
});

test('which region differs is said, by the number of its parts or the first that is another', () => {
  const values = new Map([
    ['eastus', ['1', '2', '3']],
    ['westeurope', ['1', '2']],
    ['japaneast', ['1', '9', '3']],
    ['uksouth', ['1', '2', '3']],
  ]);
  const said = 'eastus has 3 parts, westeurope has 2, japaneast from part 2 on';
  assert.equal(difference(values), said);
});
