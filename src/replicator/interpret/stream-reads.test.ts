import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OpKind } from '../../model/op.ts';
import type { Reply } from '../../resp/reply-parser.ts';
import { LiveIndex } from '../live/live-index.ts';
import type { LiveOp } from '../live/live-op.ts';
import { received, type TestOrigin, testOrigins } from '../live/ops.fixture.ts';
import { LiveStreams } from '../live/streams/live-streams.ts';
import type { ReadRequest } from './reads.ts';
import { isStreamRequest, StreamReads } from './stream-reads.ts';

const bulk = (text: string): Reply => ({ kind: 'bulk', bytes: Buffer.from(text, 'latin1') });
const array = (...items: Reply[]): Reply => ({ kind: 'array', items });
const texts = (...items: string[]): Reply => array(...items.map(bulk));

/** A member whose engine answers what the test says. */
class Bench {
  now = 1000;
  ownSeq = 0;
  readonly index = new LiveIndex(0, 3, () => {});
  readonly reads = new StreamReads(
    new LiveStreams(this.index),
    () => this.ownSeq,
    () => this.now,
  );
  readonly #origins = testOrigins() as [TestOrigin, TestOrigin, TestOrigin];

  /** An entry added here. */
  add(id: string): void {
    const op = this.#origins[0].write(`XADD k ${id} f v`);
    this.index.integrate(received(op));
    this.reads.noteAdd(op);
  }

  /** An entry of another region. */
  arrives(id: string): LiveOp {
    return this.receives(this.#origins[1].write(`XADD k ${id} f v`));
  }

  /** An op of another region. */
  receives(sent: LiveOp): LiveOp {
    const op = received(sent);
    this.reads.beforeRemote(op);
    this.index.integrate(op);
    if (op.kind === OpKind.xadd) this.reads.noteRemoteAdd(op);
    return op;
  }

  cut(threshold: string, by: 'MAXLEN' | 'MINID' = 'MAXLEN'): boolean {
    return this.reads.isCut('k', { by, threshold }, false);
  }

  /** What is asked after some time. */
  asked(afterMs = 200): ReadRequest[] {
    this.now += afterMs;
    return this.reads.due();
  }

  /** The ops that follow from an answer. */
  shipped(request: ReadRequest | undefined, reply: Reply): string[] {
    assert.ok(request !== undefined && isStreamRequest(request));
    return this.reads.opsOf(request, reply).map(({ args }) => args.join(' '));
  }

  /** The engine shows these entries. */
  answer(request: ReadRequest | undefined, ...ids: string[]): string[] {
    assert.ok(request?.kind === 'streamHead');
    const head = ids.slice(0, request.count);
    const last = ids.at(-1) ?? '9-9';
    const length: Reply = { kind: 'integer', value: ids.length };
    const there = request.places.filter((id) => ids.includes(id));
    return this.shipped(request, array(length, bulk(last), texts(...head), texts(...there)));
  }
}

describe('how far a stream was cut', () => {
  test('is asked a moment later, once for many commands, and shipped as an ID', () => {
    const bench = new Bench();
    assert.equal(bench.cut('2'), true);
    assert.equal(bench.cut('1'), true);
    assert.deepEqual(bench.asked(10), []);
    const [request, ...others] = bench.asked();
    assert.deepEqual(others, []);
    assert.deepEqual(bench.answer(request, '7-1', '8-1'), ['XTRIM k MINID = 7-1']);
    assert.equal(bench.reads.isEmpty, true);
  });

  test('of a stream without entries is everything', () => {
    const bench = new Bench();
    bench.cut('0');
    assert.deepEqual(bench.answer(bench.asked()[0]), ['XTRIM k MINID = 9-10']);
  });

  test('of what is no stream any more is nothing', () => {
    const bench = new Bench();
    bench.cut('0');
    assert.deepEqual(bench.shipped(bench.asked()[0], array()), []);
  });

  test('is not asked while it is known that there is not more', () => {
    const bench = new Bench();
    bench.cut('3');
    bench.answer(bench.asked()[0], '7-1', '8-1');
    assert.equal(bench.cut('2'), false);
    bench.add('9-1');
    assert.equal(bench.cut('3'), false);
    assert.equal(bench.cut('2'), true);
    const other = new Bench();
    other.cut('7-1', 'MINID');
    other.answer(other.asked()[0], '7-1');
    assert.deepEqual([other.cut('7-1', 'MINID'), other.cut('7-2', 'MINID')], [false, true]);
    other.reads.forget('k');
    assert.equal(other.cut('7-1', 'MINID'), true);
  });

  test('is shipped once', () => {
    const bench = new Bench();
    bench.cut('1');
    bench.answer(bench.asked()[0], '7-1', '8-1');
    bench.cut('1');
    assert.deepEqual(bench.answer(bench.asked()[0], '7-1', '8-1'), []);
  });

  test('leaves late entries of other regions that came after the cut', () => {
    const bench = new Bench();
    bench.add('2-1');
    bench.add('9-1');
    bench.cut('1');
    bench.arrives('3-1');
    const [request] = bench.asked();
    assert.deepEqual(bench.answer(request, '3-1', '9-1'), []);
    const [again] = bench.asked();
    assert.deepEqual(bench.answer(again, '3-1', '9-1'), ['XTRIMBUT k 9-1 3-1']);
  });

  test('names entries that it took and that others have sent behind those that are left', () => {
    const bench = new Bench();
    const [mine, second, third] = testOrigins() as [TestOrigin, TestOrigin, TestOrigin];
    const taken = bench.receives(third.write('XADD k 5-0 f taken'));
    bench.receives(mine.sees(taken).write('XADD k 5-1 f left'));
    bench.cut('1');
    bench.receives(second.write('XADD k 5-0 f late'));
    const [request] = bench.asked();
    assert.deepEqual(bench.answer(request, '5-0', '5-1'), []);
    const [again] = bench.asked();
    assert.deepEqual(bench.answer(again, '5-0', '5-1'), ['XDEL k 5-2', 'XTRIMBUT k 5-1 5-0']);
  });

  test('names entries that it took where those that are left moved in front of them', () => {
    const bench = new Bench();
    const [mine, second, third] = testOrigins() as [TestOrigin, TestOrigin, TestOrigin];
    const first = bench.receives(second.write('XADD k 5-0 f removed'));
    bench.receives(mine.write('XADD k 5-1 f taken'));
    bench.receives(third.write('XADD k 5-0 f left'));
    bench.cut('1');
    bench.receives(second.sees(first).write('DEL k'));
    const reply = array({ kind: 'integer', value: 1 }, bulk('5-2'), texts('5-0'), texts('5-0'));
    assert.deepEqual(bench.shipped(bench.asked()[0], reply), ['XTRIMBUT k 5-3 5-0']);
  });

  test('is asked again after a read that was lost with its replicator', () => {
    const bench = new Bench();
    bench.reads.wantCut('k', { after: 0, since: [bench.arrives('3-1')], moved: new Set() });
    const [request] = bench.asked();
    assert.deepEqual(bench.answer(request, '3-1'), ['XTRIMBUT k 3-2 3-1']);
  });
});

test('what cut a stream is needed until it was told how far, the first of all such', () => {
  const bench = new Bench();
  assert.equal(bench.reads.cutAfter, Number.POSITIVE_INFINITY);
  bench.receives((testOrigins() as [TestOrigin])[0].write('XADD k 5-1 f taken'));
  bench.ownSeq = 7;
  bench.cut('1');
  bench.reads.wantCut('other', { after: 3, since: [], moved: new Set() });
  assert.equal(bench.reads.cutAfter, 3);
  const requests = bench.asked();
  bench.ownSeq = 9;
  for (const request of requests.filter(({ key }) => key === 'other')) bench.answer(request);
  assert.equal(bench.reads.cutAfter, 7);
  for (const request of requests.filter(({ key }) => key === 'k')) bench.answer(request, '6-1');
  assert.equal(bench.reads.cutAfter, Number.POSITIVE_INFINITY);
});

describe('what a group has acknowledged', () => {
  test('is everything in front of the first entry that is pending', () => {
    const bench = new Bench();
    bench.reads.acknowledged('k', 'g');
    bench.reads.acknowledged('k', 'g');
    const [request, ...others] = bench.asked(40);
    assert.deepEqual(others, []);
    assert.deepEqual(bench.shipped(request, texts('9-1', '4-1')), ['XDONE k g 4-1']);
    bench.reads.acknowledged('k', 'g');
    const [next] = bench.asked(40);
    assert.deepEqual(bench.shipped(next, texts('9-1', '4-1')), []);
    assert.deepEqual(bench.shipped(next, texts('9-1')), ['XDONE k g 9-1']);
    bench.reads.forgetGroup('k', 'g');
    assert.deepEqual(bench.shipped(next, texts('9-1', '4-1')), ['XDONE k g 4-1']);
  });

  test('is nothing before the first entry, or without the group', () => {
    const bench = new Bench();
    bench.reads.acknowledged('k', 'g');
    const [request] = bench.asked(40);
    assert.deepEqual(bench.shipped(request, texts('9-1', '')), []);
    assert.deepEqual(bench.shipped(request, array()), []);
  });
});

describe('a group created at the end of a stream', () => {
  test('begins where the engine says', () => {
    const bench = new Bench();
    const request = bench.reads.groupCreated('k', 'g', true);
    assert.equal(bench.reads.isCreatedLater('k'), true);
    const shipped = bench.shipped(request, texts('5-1'));
    assert.deepEqual(shipped, ['XGROUP CREATE k g 5-1 MKSTREAM']);
    assert.equal(bench.reads.isCreatedLater('k'), false);
  });

  test('begins in front of what was added and delivered meanwhile', () => {
    const bench = new Bench();
    const request = bench.reads.groupCreated('k', 'g', false);
    bench.add('6-1');
    bench.add('7-1');
    assert.deepEqual(bench.shipped(request, texts('7-1')), ['XGROUP CREATE k g 6-0']);
  });

  test('and destroyed meanwhile is not shipped', () => {
    const bench = new Bench();
    const request = bench.reads.groupCreated('k', 'g', false);
    assert.deepEqual(bench.shipped(request, array()), []);
  });
});

test('a last ID behind which nothing was added needs no read', () => {
  const bench = new Bench();
  assert.equal(bench.reads.needsWhole('k', '1-1'), false);
  bench.add('5-1');
  assert.equal(bench.reads.needsWhole('k', '5-1'), false);
  assert.equal(bench.reads.needsWhole('k', '4-9'), true);
  const cut = new Bench();
  cut.cut('0');
  assert.equal(cut.reads.needsWhole('k', '9-9'), true);
});
