import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OpKind, observed } from '../../../model/op.ts';
import { LiveIndex } from '../live-index.ts';
import type { LiveOp } from '../live-op.ts';
import { received, type TestOrigin, testOrigins } from '../ops.fixture.ts';
import type { ConflictPair, ConflictType, Rule } from './conflict.ts';

interface Met extends ConflictPair {
  readonly type: ConflictType;
  readonly rule: Rule;
}

/** What the member in this slot meets when it takes in these ops, in this order. */
function metBy(slot: number, ops: readonly LiveOp[]): Met[] {
  const met: Met[] = [];
  const index = new LiveIndex(
    slot,
    3,
    () => {},
    (_, conflict) => {
      met.push({ type: conflict.type, rule: conflict.rule, ...conflict.pair(true) });
    },
  );
  for (const op of ops) index.integrate(received(op));
  return met;
}

/** `east` writes first and `west` a moment later; neither has seen the other. */
function apart(east: string, west: string): { first: LiveOp; second: LiveOp } {
  const [a, b] = testOrigins() as [TestOrigin, TestOrigin];
  return { first: a.write(east, { at: 1 }), second: b.write(west, { at: 2 }) };
}

test('both regions say the same of two concurrent writes', () => {
  const cases: [string, string, ConflictType, Rule, 'E' | 'W', string | undefined][] = [
    ['SET k e', 'SET k w', 'string', 'newest assign wins', 'W', undefined],
    ['INCR k', 'INCRBY k 2', 'string', 'increments add up', 'W', undefined],
    ['SET k 5', 'INCR k', 'string', 'increments add up', 'W', undefined],
    ['INCR k', 'SET k 5', 'string', 'increments add up', 'W', undefined],
    ['SET k e', 'DEL k', 'string', 'add survives removal', 'E', undefined],
    ['HSET k f 1', 'HSET k g 1 f 2', 'hash', 'newest assign wins', 'W', 'f'],
    ['HSET k f 1', 'HINCRBY k f 1', 'hash', 'increments add up', 'W', 'f'],
    ['HSET k f 1', 'HDEL k g f', 'hash', 'add survives removal', 'E', 'f'],
    ['SADD k m', 'SADD k m n', 'set', 'adds agree', 'W', 'm'],
    ['SADD k m', 'SREM k m', 'set', 'add survives removal', 'E', 'm'],
    ['ZADD k 1 m', 'ZINCRBY k 1 m', 'zset', 'increments add up', 'W', 'm'],
    ['ZADD k 1 m', 'ZADD k 2 m', 'zset', 'newest assign wins', 'W', 'm'],
    ['ZADD k 1 m 1 n', 'ZRETAIN k n', 'zset', 'add survives removal', 'E', 'm'],
    ['PEXPIREAT k 60', 'PEXPIREAT k 50', 'expiry', 'longest expiry wins', 'E', undefined],
    ['PERSIST k', 'PEXPIREAT k 50', 'expiry', 'longest expiry wins', 'E', undefined],
    ['PEXPIREAT k 60', 'DEL k', 'expiry', 'expiry change protects the key', 'E', undefined],
    ['APPEND k e', 'APPEND k w', 'opaque', 'newest whole value wins', 'W', undefined],
    ['SET k e', 'APPEND k w', 'opaque', 'newest whole value wins', 'W', undefined],
    ['APPEND k e', 'RESTORE k 0 dump REPLACE', 'opaque', 'newest whole value wins', 'W', undefined],
  ];
  for (const [east, west, type, rule, winner, cell] of cases) {
    const { first, second } = apart(east, west);
    const seen = [metBy(0, [first, second]), metBy(1, [second, first])];
    for (const met of seen) {
      const what = `${east} | ${west}: ${JSON.stringify(met)}`;
      assert.equal(met.length, 1, what);
      const [only] = met as [Met];
      assert.deepEqual([only.type, only.rule, only.cell], [type, rule, cell], what);
      assert.equal(only.winner.origin, winner === 'E' ? 0 : 1, what);
      assert.equal(only.loser.origin, winner === 'E' ? 1 : 0, what);
    }
    assert.deepEqual(seen[0], seen[1]);
  }
});

test('two types on one key are a conflict of their own', () => {
  const { first, second } = apart('SET k 100', 'SADD k x');
  const [here] = metBy(0, [first, second]);
  const [there] = metBy(1, [second, first]);
  for (const met of [here, there]) {
    assert.deepEqual([met?.type, met?.rule], ['mixed', 'newest type shows']);
    assert.deepEqual([met?.winner.command, met?.loser.command], ['SADD', 'SET']);
  }
});

test('a side tells its command, its size and what it wrote', () => {
  const { first, second } = apart('HSET k f old', 'HSET k f newer');
  const [met] = metBy(0, [first, second]);
  const { winner, loser } = met as Met;
  assert.deepEqual([winner.command, winner.value, winner.seq], ['HSET', 'newer', 1]);
  assert.deepEqual([loser.command, loser.value], ['HSET', 'old']);
  assert.equal(winner.timestamp, second.timestamp);
  assert.equal(winner.bytes, second.rawEnd - second.rawAt);
  const removal = metBy(0, [apart('SET k 1', 'DEL k').first, apart('SET k 1', 'DEL k').second]);
  assert.equal(removal[0]?.loser.value, undefined);
  const { first: east, second: west } = apart('APPEND k e', 'APPEND k w');
  assert.equal(metBy(0, [east, west])[0]?.winner.value, 'w');
});

test('a write meets a removal that it had not seen, however many came since', () => {
  const [a, b] = testOrigins() as [TestOrigin, TestOrigin];
  const removed = a.write('SREM k m');
  const others = Array.from({ length: 8 }, (_, i) => a.write(`SREM k other${i}`));
  const added = b.write('SADD k m');
  const met = metBy(0, [removed, ...others, added]);
  assert.deepEqual(
    met.map(({ rule, loser }) => [rule, loser.seq]),
    [['add survives removal', removed.seq]],
  );
  const seen = b.sees(removed).write('SADD k m');
  assert.deepEqual(metBy(0, [removed, ...others, seen]), []);
});

test('two expiries that are the same are no conflict', () => {
  const { first, second } = apart('PERSIST k', 'PERSIST k');
  assert.deepEqual([metBy(0, [first, second]), metBy(1, [second, first])], [[], []]);
  const set = apart('SET k v', 'PERSIST k');
  assert.deepEqual(metBy(0, [set.first, set.second]), []);
});

test('a key that is removed to be written anew is not protected by its expiry', () => {
  const [a, b] = testOrigins() as [TestOrigin, TestOrigin];
  const expiry = a.write('PEXPIREAT k 60');
  const removal = b.write('DEL k', { replaced: true });
  assert.deepEqual(metBy(0, [expiry, removal]), []);
  assert.deepEqual(metBy(1, [removal, expiry]), []);
});

/** The list `k` has three elements in both regions; the east writes first. */
function onList(east: string, west: string): Met[][] {
  const [a, b] = testOrigins() as [TestOrigin, TestOrigin];
  const base = a.write('RPUSH k x y z', { at: 0 });
  const first = a.write(east, { at: 1 });
  const second = b.sees(base).write(west, { at: 2 });
  return [
    [base, first, second],
    [base, second, first],
  ].map((ops, slot) => {
    const met: Met[] = [];
    const index = new LiveIndex(
      slot,
      3,
      () => {},
      (_, { type, rule, pair }) => met.push({ type, rule, ...pair(true) }),
    );
    let length = 0;
    for (const op of ops) {
      if (index.get('k')?.needsLength(op) === true) index.noteMeasured('k', { length });
      index.integrate(received(op));
      length += op === base ? 3 : GROWTH[op.kind as keyof typeof GROWTH];
    }
    return met;
  });
}

const GROWTH = {
  [OpKind.rpush]: 1,
  [OpKind.lpush]: 1,
  [OpKind.lpop]: -1,
  [OpKind.rpop]: -1,
  [OpKind.lset]: 0,
  [OpKind.del]: -3,
  [OpKind.set]: 0,
};

test('of a list both regions say the same: what was pushed, taken, assigned', () => {
  const cases: [string, string, ConflictType, Rule, 'E' | 'W'][] = [
    ['RPUSH k n', 'LPUSH k m', 'list', 'all elements are kept', 'W'],
    ['LPOP k', 'LPOP k', 'list', 'same element taken twice', 'W'],
    ['LSET k 1 v', 'LSET k -2 v', 'list', 'newest assign wins', 'W'],
    ['LSET k 0 v', 'LPOP k', 'list', 'removal wins', 'W'],
    ['RPOP k', 'LSET k 2 v', 'list', 'removal wins', 'E'],
    ['RPUSH k n', 'DEL k 3', 'list', 'add survives removal', 'E'],
    ['RPUSH k n', 'SET k v', 'mixed', 'newest type shows', 'W'],
  ];
  for (const [east, west, type, rule, winner] of cases) {
    const [here, there] = onList(east, west);
    const what = `${east} | ${west}: ${JSON.stringify([here, there])}`;
    assert.deepEqual(here, there, what);
    assert.deepEqual([here?.length, here?.[0]?.type, here?.[0]?.rule], [1, type, rule], what);
    assert.equal(here?.[0]?.winner.origin, winner === 'E' ? 0 : 1, what);
  }
  const apart: [string, string][] = [
    ['RPUSH k n', 'LPOP k'],
    ['LPOP k', 'RPOP k'],
    ['LSET k 0 v', 'LSET k 1 v'],
    ['LSET k 0 v', 'RPOP k'],
    ['RPUSH k n', 'LSET k -1 v'],
  ];
  for (const [east, west] of apart) {
    assert.deepEqual(onList(east, west), [[], []], `${east} | ${west}`);
  }
});

const COMMANDS = [
  'SET k 1',
  'SET k 2 PXAT 1900000000000',
  'SET k 3 KEEPTTL',
  'INCR k',
  'INCRBYFLOAT k 0.5',
  'DEL k',
  'HSET k f 1 g 2',
  'HSET k g 3',
  'HINCRBY k f 1',
  'HDEL k f g',
  'SADD k f g',
  'SREM k f',
  'ZADD k 1 f 2 g',
  'ZINCRBY k 1 f',
  'ZREM k f',
  'ZRETAIN k g',
  'PEXPIREAT k 1800000000000',
  'PEXPIREAT k 2000000000000',
  'PERSIST k',
  'APPEND k x',
  'SETRANGE k 1 x',
  'RESTORE k 0 dump REPLACE',
];
const command = fc.constantFrom(...COMMANDS);

test('a history in which everyone had seen everything has no conflicts, wherever it is taken in', () => {
  const writes = fc.array(fc.tuple(fc.nat({ max: 2 }), command), { maxLength: 30 });
  fc.assert(
    fc.property(writes, (history) => {
      const origins = testOrigins();
      const ops: LiveOp[] = [];
      for (const [slot, text] of history) {
        const origin = origins[slot] as TestOrigin;
        ops.push(origin.sees(...ops).write(text));
      }
      for (const slot of [0, 1, 2]) assert.deepEqual(metBy(slot, ops), []);
    }),
  );
});

test('every record is of two concurrent writes of the key, and all regions say the same of them', () => {
  const writes = fc.array(command, { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(writes, writes, (easts, wests) => {
      const [a, b] = testOrigins() as [TestOrigin, TestOrigin];
      const east = easts.map((text, i) => a.write(text, { at: 3 * i }));
      const west = wests.map((text, i) => b.write(text, { at: 2 * i }));
      const byDot = new Map([...east, ...west].map((op) => [`${op.origin}/${op.seq}`, op]));
      const said = new Map<string, string>();
      for (const met of [...metBy(0, [...east, ...west]), ...metBy(1, [...west, ...east])]) {
        const dots = [met.winner, met.loser].map(({ origin, seq }) => `${origin}/${seq}`);
        const [winner, loser] = dots.map((dot) => byDot.get(dot)) as [LiveOp, LiveOp];
        assert.ok(!observed(winner, loser) && !observed(loser, winner), JSON.stringify(met));
        const words = JSON.stringify([met.type, met.rule, dots]);
        // Two writes may meet in their expiries where the value of one has been replaced.
        const pair = [met.type === 'expiry', ...dots.toSorted()].join(' ');
        assert.equal(said.get(pair) ?? words, words);
        said.set(pair, words);
      }
    }),
  );
});
