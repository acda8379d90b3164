import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { LiveOp } from '../live-op.ts';
import { type TestOrigin, testOrigins } from '../ops.fixture.ts';
import { formatStreamId } from './stream-id.ts';
import { addedFields } from './stream-op.ts';
import { StreamValue } from './stream-value.ts';

const NOT_BEATEN = false;
const NOT_HELD_BACK = false;

function three(): [TestOrigin, TestOrigin, TestOrigin] {
  return testOrigins() as [TestOrigin, TestOrigin, TestOrigin];
}

function streamOf(...ops: LiveOp[]): StreamValue {
  const stream = new StreamValue();
  for (const op of ops) stream.integrate(op, NOT_BEATEN);
  return stream;
}

/** Entries that are there, in order. */
function entries(stream: StreamValue): string[] {
  return [...stream.places.entries()]
    .filter(({ isShown }) => isShown)
    .sort((a, b) => (a.place < b.place ? -1 : 1))
    .map(({ place, op }) => `${formatStreamId(place)} ${op && addedFields(op).join(' ')}`);
}

describe('a removal by ID', () => {
  test('hits the entry that its origin knew by it, wherever that is now', () => {
    const [a, b, c] = three();
    const [first, second] = [a.write('XADD k 5-1 f a'), b.write('XADD k 5-1 f b')];
    const ofSecond = c.sees(second).write('XDEL k 5-1');
    assert.deepEqual(entries(streamOf(first, second, ofSecond)), ['5-1 f a']);
    const ofMoved = a.sees(second).write('XDEL k 5-2');
    assert.deepEqual(entries(streamOf(first, second, ofMoved)), ['5-1 f a']);
    const ofFirst = b.sees(first).write('XDEL k 5-1');
    assert.deepEqual(entries(streamOf(first, second, ofFirst)), ['5-2 f b']);
  });

  test('leaves an entry that it had not seen', () => {
    const [a, b] = three();
    const removal = a.write('XDEL k 5-1');
    assert.deepEqual(entries(streamOf(removal, b.write('XADD k 5-1 f b'))), ['5-1 f b']);
    const [other, entry] = [a.write('XDEL k 5-2'), b.write('XADD k 5-2 f b')];
    assert.deepEqual(entries(streamOf(entry, other)), ['5-2 f b']);
  });

  test('makes nothing else move', () => {
    const [a, b] = three();
    const [first, second] = [a.write('XADD k 5-1 f a'), b.write('XADD k 5-1 f b')];
    const stream = streamOf(first, second, a.sees(second).write('XDEL k 5-1'));
    assert.deepEqual(entries(stream), ['5-2 f b']);
    assert.equal(stream.isAlive, true);
  });
});

describe('a trim', () => {
  test('removes what it had seen below the ID', () => {
    const [a, b] = three();
    const seen = a.write('XADD k 1-1 f a');
    const unseen = b.write('XADD k 2-1 f b');
    const trim = a.write('XTRIM k MINID = 5-0');
    assert.deepEqual(entries(streamOf(seen, unseen, trim)), ['2-1 f b']);
    assert.deepEqual(entries(streamOf(seen, trim, unseen)), ['2-1 f b']);
  });

  test('goes by the IDs that its origin knew', () => {
    const [a, b, c] = three();
    const [first, second] = [a.write('XADD k 5-1 f a'), b.write('XADD k 5-1 f b')];
    const trim = c.sees(second).write('XTRIM k MINID = 5-2');
    assert.deepEqual(entries(streamOf(first, second, trim)), ['5-1 f a']);
  });

  test('leaves what it names', () => {
    const [a] = three();
    const ops = ['1-1', '2-1', '3-1'].map((id) => a.write(`XADD k ${id} f v`));
    const stream = streamOf(...ops, a.write('XTRIMBUT k 3-1 2-1'));
    assert.deepEqual(entries(stream), ['2-1 f v', '3-1 f v']);
  });
});

describe('a removal of the key', () => {
  test('takes what it had seen, and the rest chooses its IDs anew', () => {
    const [a, b, c] = three();
    const [first, second] = [a.write('XADD k 5-1 f a'), b.write('XADD k 5-1 f b')];
    const stream = streamOf(first, second);
    stream.removeObserved(c.sees(first).write('DEL k'), NOT_HELD_BACK);
    assert.deepEqual(entries(stream), ['5-1 f b']);
    stream.removeObserved(c.sees(second).write('DEL k'), NOT_HELD_BACK);
    assert.equal(stream.isAlive, false);
  });

  test('that is held back shows only once it is not', () => {
    const [a, b] = three();
    const stream = streamOf(a.write('XADD k 5-1 f a'));
    stream.removeObserved(b.sees(a.write('XADD k 6-1 f a')).write('DEL k'), true);
    assert.deepEqual(entries(stream), ['5-1 f a']);
    assert.equal(stream.isAlive, false);
    stream.heldBackIsOver();
    assert.deepEqual(entries(stream), []);
  });
});

describe('groups', () => {
  const names = (stream: StreamValue) => stream.groups.alive.map(([name]) => name);

  test('of the same name are one', () => {
    const [a, b] = three();
    const ops = [a.write('XGROUP CREATE k g 7-0'), b.write('XGROUP CREATE k g 5-0')];
    const stream = streamOf(...ops);
    assert.deepEqual(names(stream), ['g']);
    assert.equal(formatStreamId(stream.groups.creationOf('g')?.id ?? 0n), '5-0');
  });

  test('are gone when someone destroyed them who had not seen them created', () => {
    const [a, b] = three();
    const [created, destroyed] = [a.write('XGROUP CREATE k g 0'), b.write('XGROUP DESTROY k g')];
    assert.deepEqual(names(streamOf(created, destroyed)), []);
    assert.deepEqual(names(streamOf(destroyed, created)), []);
    const again = a.sees(destroyed).write('XGROUP CREATE k g 0');
    assert.deepEqual(names(streamOf(created, destroyed, again)), ['g']);
  });

  test('go with the key, seen or not, and the stream that they made with them', () => {
    const [a, b] = three();
    const stream = streamOf(a.write('XGROUP CREATE k g 0 MKSTREAM'));
    stream.removeObserved(b.write('DEL k'), NOT_HELD_BACK);
    assert.deepEqual(names(stream), []);
    assert.equal(stream.isAlive, false);
  });
});

test('a stream that is gone by the end of a batch need not be made', () => {
  const [a] = three();
  const [entry, removal, other] = [
    a.write('XADD k 5-1 f a'),
    a.write('XDEL k 5-1'),
    a.write('ZADD k 1 m'),
  ];
  const copy = new StreamValue().clone();
  copy.integrate(entry, NOT_BEATEN);
  copy.integrate(removal, NOT_BEATEN);
  assert.equal(copy.edits?.mustExist, true);
  copy.removeObserved(other, NOT_HELD_BACK);
  assert.equal(copy.edits?.mustExist, false);
});

describe('what is stable', () => {
  const upTo =
    (...seqs: number[]) =>
    ({ origin, seq }: { origin: number; seq: number }) =>
      seq <= (seqs[origin] ?? 0);

  test('is forgotten, but not where it stands in the way', () => {
    const [a, b] = three();
    const stream = streamOf(
      a.write('XADD k 5-1 f a'),
      a.write('XADD k 5-2 f c'),
      b.write('XADD k 5-1 f b'),
    );
    assert.equal(stream.prune(upTo(2, 0)), 3);
    assert.deepEqual(entries(stream), ['5-1 f a', '5-2 f c', '5-3 f b']);
    assert.equal(stream.prune(upTo(2, 1)), 0);
  });

  test('does not pile up in a stream without gaps that two regions write', () => {
    const [a, b] = three();
    const stream = new StreamValue();
    for (let i = 1; i <= 300; i++) {
      stream.integrate(a.write(`XADD k 1-${i} f a`), NOT_BEATEN);
      stream.integrate(b.write(`XADD k 1-${i} f b`), NOT_BEATEN);
      if (i % 50 === 0) assert.ok(stream.prune(upTo(i - 10, i - 10)) < 700);
    }
    assert.equal(stream.prune(upTo(300, 300)), 0);
  });
});

test('the last ID is the highest, also of what was deleted, or what was assigned', () => {
  const [a, b] = three();
  const stream = streamOf(a.write('XADD k 5-1 f a'), a.write('XDEL k 5-1'));
  assert.deepEqual([formatStreamId(stream.lastId.id), stream.lastId.isAssigned], ['5-1', false]);
  stream.integrate(b.write('XSETID k 9-9'), NOT_BEATEN);
  assert.deepEqual([formatStreamId(stream.lastId.id), stream.lastId.isAssigned], ['9-9', true]);
});
