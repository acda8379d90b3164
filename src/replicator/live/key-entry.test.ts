import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stateOf } from './cell.ts';
import { effectOf } from './effect.ts';
import { KeyEntry } from './key-entry.ts';
import type { LiveOp } from './live-op.ts';
import { type TestOrigin, testOrigins } from './ops.fixture.ts';

const [FIRST, SECOND, THIRD] = [0, 1, 2];

function origin(origins: TestOrigin[], index: number): TestOrigin {
  return origins[index] as TestOrigin;
}

/** An entry as the index makes it of ops that come in this order. */
function entryOf(...ops: LiveOp[]): KeyEntry {
  const entry = new KeyEntry('k');
  for (const op of ops) entry.append(op);
  return entry;
}

test('a new entry is observed by everyone', () => {
  assert.ok(new KeyEntry('k').isObservedBy(origin(testOrigins(), FIRST).write('SET k v')));
});

test('while each op had observed the one before, the last one tells who has observed all', () => {
  const origins = testOrigins();
  const one = origin(origins, FIRST).write('HSET k f 1');
  const two = origin(origins, SECOND).sees(one).write('HSET k f 2');
  const entry = entryOf(one, two);
  assert.equal(entry.table, undefined);
  assert.ok(!entry.isObservedBy(origin(origins, FIRST).write('HSET k f 3')));
  assert.ok(entry.isObservedBy(origin(origins, THIRD).sees(two).write('HSET k f 4')));
});

test('with a table, each origin counts for itself', () => {
  const origins = testOrigins();
  const one = origin(origins, FIRST).write('HSET k f 1');
  const two = origin(origins, SECOND).write('HSET k f 2');
  const entry = entryOf(one);
  entry.expand();
  entry.noteHead(two);
  assert.ok(!entry.isObservedBy(origin(origins, THIRD).sees(two).write('HSET k f 3')));
  assert.ok(entry.isObservedBy(origin(origins, THIRD).sees(one).write('HSET k f 4')));
  assert.ok(!entry.isObservedBy(origin(origins, FIRST).write('HSET k f 5')));
  assert.ok(entry.isObservedBy(origin(origins, FIRST).sees(two).write('HSET k f 6')));
});

test('a table made of a chain holds what the chain left', () => {
  const origins = testOrigins();
  const one = origin(origins, FIRST).write('HSET k f 1 g 1');
  const two = origin(origins, SECOND).sees(one).write('HSET k f 2');
  const table = entryOf(one, two).expand();
  assert.equal(stateOf(table.cell('hash', 'f')).winner?.op, two);
  assert.equal(stateOf(table.cell('hash', 'g')).winner?.op, one);
});

test('a plain SET lets go of what came before it, in the table too', () => {
  const origins = testOrigins();
  const one = origin(origins, FIRST).write('INCRBY k 5');
  const two = origin(origins, SECOND).sees(one).write('SET k 7');
  const table = entryOf(one, two).expand();
  assert.equal(table.cell('string', '')?.contributions.length, 1);
  assert.equal(table.expiryTarget(), Number.POSITIVE_INFINITY);
});

test('SET with KEEPTTL keeps the expiry that came before it', () => {
  const origins = testOrigins();
  const first = origin(origins, FIRST);
  const table = entryOf(first.write('PEXPIREAT k 5'), first.write('SET k v KEEPTTL')).expand();
  assert.equal(table.expiryTarget(), 5);
});

test('what happens to a fork does not happen to the entry', () => {
  const origins = testOrigins();
  const one = origin(origins, FIRST).write('SADD k x');
  const entry = entryOf(one);
  const fork = entry.fork();
  assert.notEqual(fork.table, undefined);
  assert.equal(entry.table, undefined);
  const fork2 = fork.fork();
  const two = origin(origins, SECOND).write('SADD k y');
  fork2.noteHead(two);
  const three = origin(origins, THIRD).sees(one).write('SADD k z');
  assert.ok(!fork2.isObservedBy(three));
  assert.ok(fork.isObservedBy(three));
  assert.ok(entry.isObservedBy(three));
});

test('sweeping a long chain drops what is stable and keeps the last op', () => {
  const [first] = testOrigins();
  const origins = [first as TestOrigin];
  const entry = new KeyEntry('k');
  const written: LiveOp[] = [];
  for (let i = 0; i < 100; i++) {
    const op = origin(origins, FIRST).write(`HSET k f${i} v`);
    written.push(op);
    entry.append(op);
  }
  entry.sweep(Float64Array.from([90, 0, 0]));
  const table = entry.expand();
  assert.equal(table.classes.get('hash')?.size, 10);
  assert.equal(table.cell('hash', 'f99')?.contributions[0]?.op, written.at(-1));
});

test('a change of the expiry that comes first leaves what was measured for the op that needs it', () => {
  for (const [name, command] of [
    ['list', 'RPOP k 4'],
    ['json', 'JSON.ARRPOP k $ 0'],
  ] as const) {
    const origins = testOrigins();
    const first = origin(origins, FIRST).write('PERSIST k');
    const [persist, pop] = [
      origin(origins, SECOND).write('PERSIST k'),
      origin(origins, SECOND).write(command),
    ];
    const entry = entryOf(first);
    assert.ok(entry.needsLength(pop) || entry.needsDocument(pop));
    const table = entry.expand(name === 'list' ? { length: 5 } : { document: '[1,2]' });
    for (const op of [persist, pop]) table.integrate(op, effectOf(op));
    assert.equal(table[name]?.isOpen, false);
  }
});
