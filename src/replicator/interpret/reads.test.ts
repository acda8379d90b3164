import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OpFlag, OpKind } from '../../model/op.ts';
import type { Reply } from '../../resp/reply-parser.ts';
import { opsOfRead, ReadQueue, type ReadRequest } from './reads.ts';

const bulk = (text: string): Reply => ({ kind: 'bulk', bytes: Buffer.from(text, 'latin1') });
const array = (...items: Reply[]): Reply => ({ kind: 'array', items });
const bulks = (...texts: string[]): Reply => array(...texts.map(bulk));
const nothing: Reply = { kind: 'null' };

const whole: ReadRequest = { kind: 'whole', key: 'k' };

/** The ops that ship what was read, one line each; "replaced" where a value follows. */
function shipped(request: ReadRequest, reply: Reply): string[] {
  const { ops } = opsOfRead(request, reply);
  return ops.map(({ args, flags = 0 }) => {
    return `${args.join(' ')}${((flags ?? 0) & OpFlag.replaced) !== 0 ? ' (replaced)' : ''}`;
  });
}

test('a string is shipped as SET, with its expiry', () => {
  assert.deepEqual(shipped(whole, array(bulk('string'), bulk('-1'), bulk('v'))), ['SET k v']);
  assert.deepEqual(shipped(whole, array(bulk('string'), bulk('77'), bulk('v'))), [
    'SET k v PXAT 77',
  ]);
});

test('a hash, a set and a sorted set are shipped cell by cell, in place of what was there', () => {
  const of = (type: string, ...texts: string[]) => array(bulk(type), bulk('-1'), bulks(...texts));
  assert.deepEqual(shipped(whole, of('hash', 'f', '1', 'g', '2')), [
    'DEL k (replaced)',
    'HSET k f 1 g 2',
  ]);
  assert.deepEqual(shipped(whole, of('set', 'a', 'b')), ['DEL k (replaced)', 'SADD k a b']);
  assert.deepEqual(shipped(whole, of('zset', 'a', '1', 'b', '2')), [
    'DEL k (replaced)',
    'ZADD k 1 a 2 b',
  ]);
});

test('their expiry follows', () => {
  const reply = array(bulk('set'), bulk('77'), bulks('a'));
  assert.equal(shipped(whole, reply).at(-1), 'PEXPIREAT k 77');
});

test('any other type is shipped as its dump', () => {
  const other = (expiry: string) => array(bulk('MBbloom--'), bulk(expiry), bulk('dump'));
  assert.deepEqual(shipped(whole, other('-1')), ['RESTORE k 0 dump REPLACE ABSTTL']);
  assert.deepEqual(shipped(whole, other('77')), ['RESTORE k 77 dump REPLACE ABSTTL']);
});

test('a list is shipped as pushes, and can be followed from then on', () => {
  const reply = array(bulk('list'), bulk('-1'), bulks('a', 'b'));
  assert.deepEqual(shipped(whole, reply), ['DEL k (replaced)', 'RPUSH k a b']);
  assert.deepEqual(opsOfRead(whole, reply).list?.values, ['a', 'b']);
  const unchanged: ReadRequest = { kind: 'whole', key: 'k', listLength: 'unchanged' };
  assert.deepEqual(shipped(unchanged, reply)[0], 'DEL k 2 (replaced)');
});

test('a key that has gone meanwhile is shipped as DEL', () => {
  assert.deepEqual(shipped(whole, array(bulk('none'))), ['DEL k']);
});

test('a long value is shipped in pieces, and nothing of it is lost', () => {
  const members = Array.from({ length: 2500 }, (_, i) => `m${i}`);
  const { ops } = opsOfRead(whole, array(bulk('set'), bulk('-1'), bulks(...members)));
  const adds = ops.filter(({ kind }) => kind === OpKind.sadd);
  assert.ok(adds.length > 1);
  assert.deepEqual(
    adds.flatMap(({ args }) => args.slice(2)),
    members,
  );
});

test('bytes that are no text are shipped unchanged', () => {
  const bytes = '\x00\xff\r\n';
  assert.deepEqual(shipped(whole, array(bulk('string'), bulk('-1'), bulk(bytes))), [
    `SET k ${bytes}`,
  ]);
});

test('members that are left are shipped as such, and make a shadow', () => {
  const request: ReadRequest = { kind: 'members', key: 'k' };
  const reply = array(bulk('zset'), bulk('-1'), bulks('a', '1', 'b', 'inf'));
  assert.equal(shipped(request, reply)[0], 'ZRETAIN k a b');
  const { sortedSet } = opsOfRead(request, reply);
  assert.deepEqual(sortedSet?.byRank(0, 9), ['a', 'b']);
  assert.equal(sortedSet?.score('b'), Number.POSITIVE_INFINITY);
});

test('when no member is left all are gone, and there is nothing to shadow', () => {
  const request: ReadRequest = { kind: 'members', key: 'k' };
  assert.equal(shipped(request, array(bulk('none')))[0], 'ZRETAIN k');
  assert.equal(opsOfRead(request, array(bulk('none'))).sortedSet, undefined);
});

test('a document is shipped with the fields that it has, then it is indexed', () => {
  const queue = new ReadQueue();
  queue.add({ kind: 'document', key: 'k', names: ['a', 'b'], indexing: [['INDEX', '1']] });
  queue.add({ kind: 'document', key: 'k', names: ['b', 'c'], indexing: [['INDEX', '2']] });
  const [request] = queue.take(() => true) as [ReadRequest];
  assert.deepEqual(shipped(request, array(bulk('1'), nothing, bulk('3'))), [
    'HSET k a 1 c 3',
    'INDEX 1',
    'INDEX 2',
  ]);
  assert.deepEqual(shipped(request, array()), ['INDEX 1', 'INDEX 2']);
});

test('an expiry is shipped, and also that there is none', () => {
  const request: ReadRequest = { kind: 'expiry', key: 'k', restates: false };
  assert.deepEqual(shipped(request, { kind: 'integer', value: 77 }), ['PEXPIREAT k 77']);
  assert.deepEqual(shipped(request, { kind: 'integer', value: -1 }), ['PERSIST k']);
});

test('scores are shipped for members that have one', () => {
  const request: ReadRequest = { kind: 'cells', key: 'k', names: ['a', 'b'], of: 'writes' };
  assert.deepEqual(shipped(request, array(bulk('zset'), bulk('1.5'), nothing)), ['ZADD k 1.5 a']);
  assert.deepEqual(shipped(request, array(bulk('none'))), []);
});

test('sums that are exact anyway need not be shipped', () => {
  const scores: ReadRequest = { kind: 'cells', key: 'k', names: ['a', 'b'], of: 'fractions' };
  assert.deepEqual(shipped(scores, array(bulk('zset'), bulk('2'), bulk('0.3'))), ['ZADD k 0.3 b']);
  const string: ReadRequest = { kind: 'cells', key: 'k', names: [''], of: 'fractions' };
  assert.deepEqual(shipped(string, array(bulk('string'), bulk('0.3'))), ['SET k 0.3 KEEPTTL']);
  assert.deepEqual(shipped(string, array(bulk('string'), bulk('3'))), []);
});

test('what will be shipped of a key is known until it is read', () => {
  const queue = new ReadQueue();
  for (const kind of ['whole', 'members', 'expiry'] as const) {
    queue.add(kind === 'expiry' ? { kind, key: 'k', restates: false } : { kind, key: 'k' });
    assert.ok(queue.ships('k'), kind);
    assert.ok(!queue.ships('other'), kind);
    queue.take(() => true);
    assert.ok(!queue.ships('k'), kind);
  }
  queue.add({ kind: 'list', key: 'k' });
  assert.ok(!queue.ships('k'), 'a list is only followed');
});

test('asking twice for the same is asking once', () => {
  const queue = new ReadQueue();
  queue.add(whole);
  queue.add(whole);
  queue.add({ kind: 'cells', key: 'k', names: ['a'], of: 'fractions' });
  queue.add({ kind: 'cells', key: 'k', names: ['a', 'b'], of: 'writes' });
  assert.deepEqual(
    queue.take(() => true),
    [whole, { kind: 'cells', key: 'k', names: ['a', 'b'], of: 'writes' }],
  );
  assert.ok(queue.isEmpty);
});

test('an expiry that somebody changed is no mere restatement, whoever else asks for it', () => {
  const queue = new ReadQueue();
  for (const [first, second] of [
    [true, false],
    [false, true],
  ] as const) {
    queue.add({ kind: 'expiry', key: 'k', restates: first });
    queue.add({ kind: 'expiry', key: 'k', restates: second });
    assert.deepEqual(
      queue.take(() => true),
      [{ kind: 'expiry', key: 'k', restates: false }],
    );
  }
});
