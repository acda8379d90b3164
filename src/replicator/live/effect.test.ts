import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Effect, effectOf } from './effect.ts';
import { type CommandText, testOrigins } from './ops.fixture.ts';

const FOREVER = Number.POSITIVE_INFINITY;

function effect(command: CommandText): Effect {
  const [origin] = testOrigins();
  return effectOf((origin as NonNullable<typeof origin>).write(command));
}

test('a plain SET assigns the string, covers the key and ends its expiry', () => {
  const set = effect('SET k v');
  assert.equal(set.valueClass, 'string');
  assert.ok(set.coversKey);
  assert.equal(set.expiry, FOREVER);
  assert.deepEqual(set.cells, [{ name: '', assign: 'v' }]);
});

test('SET with KEEPTTL leaves the expiry alone, with PXAT it assigns one', () => {
  assert.equal(effect('SET k v KEEPTTL').expiry, undefined);
  assert.equal(effect('SET k v PXAT 1700000000000').expiry, 1_700_000_000_000);
});

test('every way to count is an increment of the string', () => {
  const increments: [string, string][] = [
    ['INCR k', '1'],
    ['DECR k', '-1'],
    ['INCRBY k 5', '5'],
    ['DECRBY k 5', '-5'],
    ['DECRBY k -9223372036854775808', '9223372036854775808'],
    ['incr k', '1'],
    ['INCRBYFLOAT k 0.10', '0.10'],
  ];
  for (const [command, increment] of increments) {
    const { valueClass, coversKey, cells, expiry } = effect(command);
    assert.deepEqual([valueClass, coversKey, expiry], ['string', false, undefined], command);
    assert.deepEqual(cells, [{ name: '', increment }], command);
  }
});

test('a hash has a cell for each field', () => {
  assert.deepEqual(effect('HSET k a 1 b 2').cells, [
    { name: 'a', assign: '1' },
    { name: 'b', assign: '2' },
  ]);
  assert.deepEqual(effect('HINCRBY k a -3').cells, [{ name: 'a', increment: '-3' }]);
  assert.deepEqual(effect('HDEL k a b').cells, [{ name: 'a' }, { name: 'b' }]);
  assert.equal(effect('HDEL k a').valueClass, 'hash');
});

test('a field named twice keeps what came last', () => {
  assert.deepEqual(effect('HSET k a 1 a 2').cells, [{ name: 'a', assign: '2' }]);
  assert.deepEqual(effect('ZADD k 1 m 2 m').cells, [{ name: 'm', assign: '2' }]);
});

test('a set has a cell for each member', () => {
  assert.deepEqual(effect('SADD k a b').cells, [
    { name: 'a', assign: '' },
    { name: 'b', assign: '' },
  ]);
  assert.deepEqual(effect('SREM k a').cells, [{ name: 'a' }]);
  assert.equal(effect('SREM k a').valueClass, 'set');
});

test('a sorted set has a cell for each member, its score the value', () => {
  assert.deepEqual(effect('ZADD k 1.5 a inf b').cells, [
    { name: 'a', assign: '1.5' },
    { name: 'b', assign: 'inf' },
  ]);
  assert.deepEqual(effect('ZINCRBY k -2 a').cells, [{ name: 'a', increment: '-2' }]);
  assert.deepEqual(effect('ZREM k a').cells, [{ name: 'a' }]);
});

test('ZRETAIN names who stays', () => {
  const { valueClass, coversKey, cells, retains } = effect('ZRETAIN k a b');
  assert.deepEqual([valueClass, coversKey, cells], ['zset', false, []]);
  assert.deepEqual([...(retains ?? [])], ['a', 'b']);
  assert.deepEqual([...(effect('ZRETAIN k').retains ?? ['?'])], []);
});

test('DEL covers the key, of every type, and its expiry', () => {
  const { valueClass, coversKey, clearsExpiry, expiry } = effect('DEL k');
  assert.deepEqual(
    [valueClass, coversKey, clearsExpiry, expiry],
    [undefined, true, true, undefined],
  );
});

test('an expiry is a cell of its own, and PERSIST the longest one', () => {
  const expire = effect('PEXPIREAT k 1700000000000');
  assert.deepEqual([expire.expiry, expire.coversKey, expire.cells], [1_700_000_000_000, false, []]);
  assert.equal(effect('PERSIST k').expiry, FOREVER);
});

test('RESTORE brings value and expiry', () => {
  const lasting = effect('RESTORE k 0 dump REPLACE ABSTTL');
  assert.deepEqual([lasting.valueClass, lasting.expiry], ['opaque', FOREVER]);
  assert.deepEqual(lasting.cells, [{ name: '', assign: 'dump' }]);
  assert.equal(effect('RESTORE k 1700000000000 dump REPLACE ABSTTL').expiry, 1_700_000_000_000);
});

test('of a command without a rule only its origin knows the value', () => {
  const { valueClass, coversKey, cells } = effect('APPEND k a');
  assert.deepEqual([valueClass, coversKey], ['opaque', true]);
  assert.deepEqual(cells, [{ name: '', unknown: true }]);
});

test('names and values are bytes, not text', () => {
  const bytes = '\x00\xff\r\n$3';
  assert.deepEqual(effect(['HSET', 'k', bytes, bytes]).cells, [{ name: bytes, assign: bytes }]);
});

test('a message touches no cell', () => {
  const { valueClass, coversKey, cells, expiry } = effect('PUBLISH channel text');
  assert.deepEqual([valueClass, coversKey, cells, expiry], [undefined, false, [], undefined]);
});
