import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stateOf } from './cell.ts';
import { CellTable } from './cells.ts';
import { effectOf, type ValueClass } from './effect.ts';
import type { LiveOp } from './live-op.ts';
import { testOrigins } from './ops.fixture.ts';

const FOREVER = Number.POSITIVE_INFINITY;

function tableOf(...ops: LiveOp[]): CellTable {
  const table = new CellTable();
  for (const op of ops) table.integrate(op, effectOf(op));
  return table;
}

/** What a cell shows: the winning assign, then the increments. */
function shown(table: CellTable, valueClass: ValueClass, name = ''): (string | undefined)[] {
  const { winner, increments } = stateOf(table.cell(valueClass, name));
  return [winner?.assign, ...increments.map((c) => c.increment)];
}

function names(table: CellTable, valueClass: ValueClass): string[] {
  return [...(table.classes.get(valueClass)?.keys() ?? [])].sort();
}

test('of concurrent assigns the newest wins', () => {
  const [a, b] = origins();
  const early = a.write('SET k early', { at: 1 });
  const late = b.write('SET k late', { at: 2 });
  assert.deepEqual(shown(tableOf(early, late), 'string'), ['late']);
  assert.deepEqual(shown(tableOf(late, early), 'string'), ['late']);
});

test('of assigns at the same instant that of the greater replica id wins', () => {
  const [a, b] = origins();
  const one = a.write('HSET k f one', { at: 1 });
  const two = b.write('HSET k f two', { at: 1 });
  assert.equal(one.timestamp, two.timestamp);
  assert.deepEqual(shown(tableOf(two, one), 'hash', 'f'), ['two']);
});

test('an assign that was observed is gone, however new it was', () => {
  const [a, b] = origins();
  const future = a.write('SET k future', { at: 1000 });
  const table = tableOf(future, b.sees(future).write('SET k now', { at: 1 }));
  assert.deepEqual(table.cell('string', '')?.contributions.length, 1);
  assert.deepEqual(shown(table, 'string'), ['now']);
});

test('a loser shows again when the winner is removed by one who had not seen the loser', () => {
  const [a, b, c] = origins();
  const loser = a.write('SET k loser', { at: 1 });
  const winner = b.write('SET k winner', { at: 2 });
  const table = tableOf(loser, winner, c.sees(winner).write('DEL k'));
  assert.deepEqual(shown(table, 'string'), ['loser']);
});

test('increments stay on top of whatever assign wins, in canonical order', () => {
  const [a, b, c] = origins();
  const five = b.write('INCRBY k 5', { at: 5 });
  const two = a.write('INCRBY k 2', { at: 2 });
  const set = c.write('SET k 10', { at: 9 });
  assert.deepEqual(shown(tableOf(five, two, set), 'string'), ['10', '2', '5']);
  assert.deepEqual(shown(tableOf(set, five, two), 'string'), ['10', '2', '5']);
});

test('an increment that an assign had observed is gone with it', () => {
  const [a, b] = origins();
  const incr = a.write('INCRBY k 5');
  assert.deepEqual(shown(tableOf(incr, b.sees(incr).write('SET k 1')), 'string'), ['1']);
});

test('a remove takes what it observed, a concurrent add survives', () => {
  const [a, b, c] = origins();
  const seen = a.write('SADD k x y');
  const unseen = c.write('SADD k x');
  const table = tableOf(seen, unseen, b.sees(seen).write('SREM k x y'));
  assert.deepEqual(names(table, 'set'), ['x']);
  assert.deepEqual(names(tableOf(seen, b.write('SREM k y'), unseen), 'set'), ['x']);
});

test('DEL removes what it observed of every field', () => {
  const [a, b, c] = origins();
  const seen = a.write('HSET k f 1 g 1');
  const unseen = c.write('HSET k g 2 h 2');
  const table = tableOf(seen, unseen, b.sees(seen).write('DEL k'));
  assert.deepEqual(names(table, 'hash'), ['g', 'h']);
  assert.deepEqual(shown(table, 'hash', 'g'), ['2']);
});

test('ZRETAIN removes the observed members that it does not name', () => {
  const [a, b, c] = origins();
  const seen = a.write('ZADD k 1 x 1 y 1 z');
  const unseen = c.write('ZADD k 2 z');
  const table = tableOf(seen, unseen, b.sees(seen).write('ZRETAIN k x'));
  assert.deepEqual(names(table, 'zset'), ['x', 'z']);
});

test('of two types the newest contribution shows, the other stays hidden', () => {
  const [a, b] = origins();
  const table = tableOf(a.write('SADD k m', { at: 1 }), b.write('HSET k f v', { at: 2 }));
  assert.equal(table.visibleClass(), 'hash');
  assert.ok(table.isMixed);
  assert.deepEqual(names(table, 'set'), ['m']);
});

test('a write of one type removes what it observed of another', () => {
  const [a, b] = origins();
  const set = a.write('SADD k m');
  const table = tableOf(set, b.sees(set).write('HSET k f v'));
  assert.ok(!table.isMixed);
  assert.equal(table.visibleClass(), 'hash');
});

test('of concurrent expiries the longest counts, none being the longest', () => {
  const [a, b, c] = origins();
  const short = a.write('PEXPIREAT k 1000');
  const long = b.write('PEXPIREAT k 2000');
  assert.equal(tableOf(long, short).expiryTarget(), 2000);
  assert.equal(tableOf(short, long, c.write('PERSIST k')).expiryTarget(), FOREVER);
  assert.equal(tableOf(short, long, c.write('SET k v')).expiryTarget(), FOREVER);
  assert.equal(tableOf().expiryTarget(), undefined);
});

test('an expiry that was observed does not count, although it was longer', () => {
  const [a, b] = origins();
  const long = a.write('PEXPIREAT k 2000');
  const short = b.sees(long).write('PEXPIREAT k 1000');
  assert.equal(tableOf(long, short).expiryTarget(), 1000);
});

test('SET with KEEPTTL changes no expiry', () => {
  const [a, b] = origins();
  const expire = a.write('PEXPIREAT k 1000');
  const table = tableOf(expire, b.sees(expire).write('SET k v KEEPTTL'));
  assert.equal(table.expiryTarget(), 1000);
});

test('a change of the expiry protects the key from a DEL that had not seen it', () => {
  const [a, b] = origins();
  const extended = a.write('PEXPIREAT k 9000');
  const unaware = b.write('DEL k');
  const table = tableOf(extended);
  assert.deepEqual(
    table.protectorsAgainst(unaware).map((e) => e.op),
    [extended],
  );
  table.integrate(unaware, effectOf(unaware));
  assert.ok(table.heldBack);
});

test('nothing protects from a DEL that had seen the change, or that makes room for a new value', () => {
  const [a, b, c] = origins();
  const extended = a.write('PEXPIREAT k 9000');
  const table = tableOf(extended);
  assert.deepEqual(table.protectorsAgainst(b.sees(extended).write('DEL k')), []);
  assert.deepEqual(table.protectorsAgainst(c.write('DEL k', { replaced: true })), []);
});

test('the expiry of a SET protects nothing: it came with a value of its own', () => {
  const [a, b] = origins();
  const table = tableOf(a.write('SET k v PXAT 9000'));
  assert.deepEqual(table.protectorsAgainst(b.write('DEL k')), []);
});

test('an expiry that was only restated goes with the key, whichever comes first', () => {
  const [a, b] = origins();
  const expiry = a.write('PEXPIREAT k 5000', { restated: true });
  const removal = b.write('DEL k');
  const anew = b.write('SADD k x');
  assert.equal(tableOf(expiry, removal, anew).expiryTarget(), undefined);
  assert.equal(tableOf(removal, anew, expiry).expiryTarget(), undefined);
  const changed = a.write('PEXPIREAT k 6000');
  assert.equal(tableOf(removal, changed).expiryTarget(), 6000);
});

test('a copy shares nothing with its original', () => {
  const [a, b] = origins();
  const table = tableOf(a.write('SADD k x'), a.write('PEXPIREAT k 5'));
  const copy = table.clone();
  const add = b.write('SADD k x y');
  copy.integrate(add, effectOf(add));
  const persist = b.write('PERSIST k');
  copy.integrate(persist, effectOf(persist));
  assert.deepEqual(names(table, 'set'), ['x']);
  assert.equal(table.cell('set', 'x')?.contributions.length, 1);
  assert.equal(table.expiryTarget(), 5);
});

test('pruning forgets stable increments, and that the engine holds them', () => {
  const [a, b] = origins();
  const stable = a.write('INCRBY k 5');
  const live = b.write('INCRBY k 7');
  const table = tableOf(stable, live);
  assert.equal(table.prune(Float64Array.from([1, 0, 0])), 1);
  assert.deepEqual(shown(table, 'string'), [undefined, '7']);
  assert.equal(table.cell('string', '')?.baseGone, false);
});

test('pruning keeps a stable winner beside a live loser, which it still beats', () => {
  const [a, b] = origins();
  const winner = a.write('SET k winner', { at: 9 });
  const loser = b.write('SET k loser', { at: 1 });
  const table = tableOf(winner, loser);
  table.prune(Float64Array.from([1, 0, 0]));
  assert.deepEqual(shown(table, 'string'), ['winner']);
});

test('pruning keeps no assign without the stable increments that stand on it', () => {
  const [a, b] = origins();
  const set = a.write('SET k 100');
  const five = b.sees(set).write('INCRBY k 5');
  const table = tableOf(set, five, a.write('INCRBY k 7'));
  table.prune(Float64Array.from([1, 1, 0]));
  // Either all three are listed, or the engine holds 105 and only the last one is.
  const left = shown(table, 'string');
  if (left[0] === '100') assert.deepEqual(left, ['100', '5', '7']);
  else assert.deepEqual([...left, table.cell('string', '')?.baseGone], [undefined, '7', false]);
});

test('pruning empties a table in which everything is stable', () => {
  const [a, b] = origins();
  const table = tableOf(a.write('SET k 1 PXAT 77'), b.write('SET k 2'));
  assert.equal(table.prune(Float64Array.from([1, 1, 0])), 0);
  assert.equal(table.visibleClass(), undefined);
  assert.equal(table.expiryTarget(), undefined);
});

function origins() {
  const [a, b, c] = testOrigins();
  if (a === undefined || b === undefined || c === undefined) throw new Error('three are made');
  return [a, b, c] as const;
}
