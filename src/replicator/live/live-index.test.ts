import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OpFlag } from '../../model/op.ts';
import type { Assertion, Integration } from './assertion.ts';
import { LiveIndex } from './live-index.ts';
import type { LiveOp } from './live-op.ts';
import { received, type TestOrigin, testOrigins } from './ops.fixture.ts';

const WHOLE: Assertion = { kind: 'whole' };

/** Three origins, and the index of the first of them. */
function group() {
  const [a, b, c] = testOrigins() as [TestOrigin, TestOrigin, TestOrigin];
  const marked: LiveOp[] = [];
  const index = new LiveIndex(a.slot, 3, (op) => marked.push(op));
  const integrate = (...ops: LiveOp[]): Integration => {
    let last: Integration = { conflict: undefined, assertion: undefined };
    for (const op of ops) last = index.integrate(received(op));
    return last;
  };
  return { a, b, c, index, marked, integrate };
}

test('an op that has observed all others of its key is no conflict', () => {
  const { a, b, integrate } = group();
  const first = a.write('SET k 1');
  integrate(first);
  const later = integrate(b.sees(first).write('SET k 2'));
  assert.deepEqual(later, { conflict: undefined, assertion: undefined });
});

test('ops on other keys are no conflict', () => {
  const { a, b, integrate, index } = group();
  integrate(a.write('SET k 1'));
  assert.equal(integrate(b.write('SET other 1')).conflict, undefined);
  assert.equal(index.keyCount, 2);
});

test('concurrent writes of one cell are a conflict of its type', () => {
  const pairs: [string, string, Integration['conflict']][] = [
    ['SET k 1', 'SET k 2', 'string'],
    ['INCR k', 'SET k 2', 'string'],
    ['HSET k f 1', 'HDEL k f', 'hash'],
    ['SADD k m', 'SREM k m', 'set'],
    ['ZADD k 1 m', 'ZINCRBY k 1 m', 'zset'],
    ['PEXPIREAT k 50', 'PEXPIREAT k 60', 'expiry'],
    ['SADD k m', 'DEL k', 'set'],
    ['SADD k m', 'HSET k f v', 'mixed'],
    ['DEL k', 'SADD k m', 'set'],
    ['PEXPIREAT k 50', 'DEL k', 'expiry'],
    ['APPEND k a', 'APPEND k b', 'opaque'],
  ];
  for (const [mine, theirs, conflict] of pairs) {
    const { a, b, integrate } = group();
    integrate(a.write(mine));
    assert.equal(integrate(b.write(theirs)).conflict, conflict, `${mine} | ${theirs}`);
  }
});

test('concurrent writes that leave each other alone are no conflict', () => {
  const pairs: [string, string][] = [
    ['HSET k f 1', 'HSET k g 1'],
    ['SADD k x', 'SREM k y'],
    ['SADD k x', 'PEXPIREAT k 60'],
    ['HDEL k f', 'SADD k f'],
    ['ZADD k 1 a', 'ZRETAIN k a'],
    ['DEL k', 'DEL k'],
  ];
  for (const [mine, theirs] of pairs) {
    for (const [first, second] of [
      [mine, theirs],
      [theirs, mine],
    ] as const) {
      const { a, b, integrate } = group();
      integrate(a.write(first));
      assert.equal(integrate(b.write(second)).conflict, undefined, `${first} | ${second}`);
    }
  }
});

test('an op leaves the index when every member has it', () => {
  const { a, b, index, integrate } = group();
  const one = a.write('SET k 1');
  const two = b.sees(one).write('SET k 2');
  const other = a.write('SET other 1');
  integrate(one, two, other);
  assert.deepEqual([index.keyCount, index.opCount], [2, 3]);
  index.stabilise(Float64Array.from([1, 1, 0]));
  assert.equal(index.get('k'), undefined);
  assert.deepEqual([index.keyCount, index.opCount], [1, 1]);
  index.stabilise(Float64Array.from([2, 1, 0]));
  assert.deepEqual([index.keyCount, index.opCount], [0, 0]);
});

test('what one origin has stable takes nothing of another with it', () => {
  const { a, b, index, integrate } = group();
  integrate(a.write('SADD k x'), b.write('SADD k y'));
  index.stabilise(Float64Array.from([1, 0, 0]));
  assert.equal(index.opCount, 1);
  assert.notEqual(index.get('k'), undefined);
});

test('a hot key costs what is unstable, not what was written', () => {
  const { a, b, index, integrate } = group();
  integrate(b.write('INCR k'));
  for (let i = 1; i <= 5000; i++) {
    integrate(a.write('INCR k'));
    index.stabilise(Float64Array.from([i - 10, 0, 0]));
  }
  const cell = index.get('k')?.table?.cell('string', '');
  assert.ok((cell?.contributions.length ?? 0) < 300, `${cell?.contributions.length} contributions`);
});

test('the entry knows the last op of this very member', () => {
  const { a, b, index, integrate } = group();
  const mine = a.write('SADD k x');
  integrate(mine, b.write('SADD k y'));
  assert.equal(index.get('k')?.lastLocal, mine.seq);
});

test('who changed the expiry asserts the whole value against a DEL that had not seen it', () => {
  const { a, b, integrate } = group();
  integrate(a.write('PEXPIREAT k 9000'));
  assert.deepEqual(integrate(b.write('DEL k')).assertion, WHOLE);
});

test('who did not change the expiry asserts nothing against the DEL', () => {
  const { b, c, integrate } = group();
  integrate(c.write('PEXPIREAT k 9500'));
  assert.equal(integrate(b.write('DEL k')).assertion, undefined);
});

test('no one asserts anything against a DEL that makes room for a new value', () => {
  const { a, b, integrate } = group();
  integrate(a.write('PEXPIREAT k 9000'));
  assert.equal(integrate(b.write('DEL k', { replaced: true })).assertion, undefined);
});

test('an own op that ends what protected a key lets the removal through', () => {
  const protectedBy = (base: string) => {
    const { a, b, c, integrate } = group();
    const [value, expire] = [c.write(base), c.write('PEXPIREAT k 9500')];
    const removal = b.write('DEL k');
    integrate(value, expire, removal);
    const restated = a.sees(value, expire, removal).write('PERSIST k');
    restated.flags |= OpFlag.restated;
    return integrate(restated);
  };
  assert.deepEqual(protectedBy('SADD k x'), {
    ...{ conflict: undefined, assertion: undefined },
    isLetThrough: true,
  });
  assert.deepEqual(protectedBy('RPUSH k x').assertion, WHOLE);
});

test('who wrote the newest survivor of a removal asserts the expiry', () => {
  const { a, b, integrate } = group();
  const expire = b.write('PEXPIREAT k 9000');
  const base = b.write('SADD k x');
  integrate(expire, base, a.sees(base).write('SADD k y', { at: 5 }));
  assert.equal(integrate(b.write('DEL k')).assertion?.kind, 'expiry');
});

test('who did not write the newest survivor asserts nothing', () => {
  const { a, b, c, integrate } = group();
  const base = b.write('SADD k x');
  integrate(
    base,
    a.sees(base).write('SADD k y', { at: 5 }),
    c.sees(base).write('SADD k z', { at: 6 }),
  );
  assert.equal(integrate(b.write('SREM k x')).assertion, undefined);
});

test('the newest of concurrent writers without a rule asserts the whole value', () => {
  const mine = group();
  mine.integrate(mine.a.write('APPEND k a', { at: 9 }));
  assert.deepEqual(mine.integrate(mine.b.write('APPEND k b', { at: 1 })).assertion, WHOLE);
  const theirs = group();
  theirs.integrate(theirs.a.write('APPEND k a', { at: 1 }));
  assert.equal(theirs.integrate(theirs.b.write('APPEND k b', { at: 9 })).assertion, undefined);
});

test('it does so also where what comes is lost, and its expiry was changed meanwhile', () => {
  const { a, b, integrate } = group();
  integrate(
    a.write('DEL k'),
    a.write('INCR k'),
    a.write('APPEND k x'),
    a.write('PEXPIREAT k 9000'),
  );
  assert.deepEqual(integrate(b.write('PFADD k')).assertion, WHOLE);
});

test('the newest of concurrent writers of a sum of doubles asserts it', () => {
  const { a, b, integrate } = group();
  integrate(a.write('ZINCRBY k 0.1 m', { at: 9 }));
  const { assertion } = integrate(b.write('ZINCRBY k 0.2 m', { at: 1 }));
  assert.deepEqual(assertion, { kind: 'cells', valueClass: 'zset', names: ['m'], integers: false });
});

test('of two that made sums equal at once the newer tries again, also where nothing of the sum is left', () => {
  const { a, b, integrate } = group();
  const [older, newer] = [
    b.write('SET k 0.3 KEEPTTL', { at: 1 }),
    a.write('SET k 0.4 KEEPTTL', { at: 2 }),
  ];
  for (const op of [older, newer]) op.flags |= OpFlag.rounded;
  const sums = { kind: 'cells', valueClass: 'string', names: [''], integers: false };
  assert.deepEqual(integrate(newer, older).assertion, sums);
  const other = group();
  assert.equal(other.integrate(older, newer).assertion, undefined);
});

test('where an expiry that came at once kept it from being run, it is tried again', () => {
  const { a, b, integrate } = group();
  const rounding = a.write('SET k 0.3 KEEPTTL', { at: 1 });
  rounding.flags |= OpFlag.rounded;
  const sums = { kind: 'cells', valueClass: 'string', names: [''], integers: false };
  integrate(rounding);
  assert.deepEqual(integrate(b.write('PERSIST k', { at: 2 })).assertion, sums);
  assert.equal(integrate(b.sees(rounding).write('PERSIST k')).assertion, undefined);
});

test('who added last to what a removal has left asserts the sum', () => {
  const pairs: [string[], string, string][] = [
    [['INCRBYFLOAT k 0.1', 'INCRBYFLOAT k 0.2'], 'DEL k', 'string'],
    [['ZINCRBY k 0.1 m', 'ZINCRBY k 0.2 m'], 'DEL k', 'zset'],
    [['ZINCRBY k 0.1 m', 'ZINCRBY k 0.2 m'], 'ZREM k m', 'zset'],
  ];
  for (const [added, removal, valueClass] of pairs) {
    const { a, b, integrate } = group();
    integrate(...added.map((command) => a.write(command)));
    const names = [valueClass === 'zset' ? 'm' : ''];
    const sums = { kind: 'cells', valueClass, names, integers: false };
    assert.deepEqual(integrate(b.write(removal)).sums, sums, removal);
  }
  const { b, c, integrate } = group();
  integrate(b.write('INCRBYFLOAT k 0.1'), b.write('INCRBYFLOAT k 0.2'));
  assert.equal(integrate(c.write('DEL k')).sums, undefined);
});

test('integers are exact in every order: nobody asserts them', () => {
  const { a, b, integrate } = group();
  integrate(a.write('INCRBY k 1', { at: 9 }));
  assert.equal(integrate(b.write('INCRBY k 2', { at: 1 })).assertion, undefined);
});

test('an own write to a cell of a value that only its origin knows is marked', () => {
  const { a, b, marked, integrate } = group();
  const append = b.write('APPEND k x');
  integrate(append, a.sees(append).write('INCR k'), a.write('INCR other'));
  assert.deepEqual(
    marked.map((op) => op.key),
    ['k'],
  );
});

test('the log is kept from the first of ops that met until all on the key are stable, and its end is told', () => {
  const { a, b, integrate, index } = group();
  const [own, old] = [a.write('RPUSH k x'), b.write('SET other 1')];
  integrate(own, old);
  index.stabilise(Float64Array.of(own.seq, old.seq, 0));
  assert.deepEqual([...index.replayable], [own.seq, old.seq, 0], 'nothing has met anything');
  const [pop, theirs] = [a.write('LPOP k'), b.sees(own).write('LPOP k')];
  integrate(pop, theirs);
  index.stabilise(Float64Array.of(pop.seq, old.seq, 0));
  assert.deepEqual([...index.replayable], [pop.seq - 1, old.seq, 0]);
  assert.deepEqual(index.takeOver(), []);
  index.stabilise(Float64Array.of(pop.seq, theirs.seq, 0));
  assert.deepEqual([...index.replayable], [pop.seq - 1, old.seq, 0], 'until the end is in the log');
  assert.deepEqual(index.takeOver(), [['k']]);
  assert.deepEqual([...index.replayable], [pop.seq, theirs.seq, 0]);
});

test('what is over is forgotten, also where the log begins behind what it had met', () => {
  const { a, b, integrate, index } = group();
  const [loser, write] = [b.write('SET k 1'), a.write('SETBIT k 1 1')];
  integrate(loser);
  index.forget('k');
  assert.equal(index.inspect('k'), undefined);
  integrate(write);
  assert.deepEqual(
    [...(index.inspect('k')?.chain() ?? [])].map(({ seq, origin }) => [origin, seq]),
    [[write.origin, write.seq]],
  );
});

test('the log is not kept for increments alone, which add up however they came', () => {
  const { a, b, integrate, index } = group();
  const [one, two] = [a.write('INCR k'), b.write('INCR k')];
  integrate(one, two);
  index.stabilise(Float64Array.of(one.seq, 0, 0));
  assert.deepEqual([...index.replayable], [one.seq, 0, 0]);
  const other = b.write('DEL k');
  integrate(other);
  index.stabilise(Float64Array.of(one.seq, 0, 0));
  assert.deepEqual([...index.replayable], [one.seq - 1, 0, 0]);
});

test('the log is kept for own ops of which not all was told, whatever is stable', () => {
  const [a] = testOrigins() as [TestOrigin];
  let cutAfter = Number.POSITIVE_INFINITY;
  const index = new LiveIndex(a.slot, 3, () => {}, undefined, undefined, {
    cutAfter: () => cutAfter,
  });
  index.integrate(a.write('XADD k 5-1 f v'));
  const trim = a.write('XTRIM k MINID = 0-0');
  index.integrate(trim);
  index.stabilise(Float64Array.of(trim.seq, 0, 0));
  assert.equal(index.replayable[a.slot], trim.seq);
  cutAfter = trim.seq - 1;
  assert.equal(index.replayable[a.slot], trim.seq - 1);
});

test('a key stays known as long as something is to be done about it', () => {
  const [a, b] = testOrigins() as [TestOrigin, TestOrigin];
  const busy = new Set(['k']);
  const isBusy = (key: string) => busy.has(key);
  const index = new LiveIndex(a.slot, 3, () => {}, undefined, undefined, { isBusy });
  const [one, two] = [a.write('SET k 1'), b.write('SET k 2')];
  for (const op of [one, two]) index.integrate(received(op));
  index.stabilise(Float64Array.of(one.seq, two.seq, 0));
  assert.equal(index.mergedCount, 1);
  busy.clear();
  index.stabilise(Float64Array.of(one.seq, two.seq, 0));
  assert.equal(index.mergedCount, 0);
});

test('an expiry that is only restated protects nothing: a removal is carried out, and nobody ships the value', () => {
  for (const restated of [false, true]) {
    const { a, b, integrate, index } = group();
    integrate(b.write('RPUSH k x'), a.write('PERSIST k', { restated }));
    const { assertion } = integrate(b.write('DEL k 1'));
    assert.deepEqual(assertion, restated ? undefined : WHOLE);
    assert.equal(index.isHeldBack('k'), !restated);
  }
});
