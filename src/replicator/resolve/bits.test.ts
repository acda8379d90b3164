// What an engine must do where bits of a string meet other writes.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CommandWriter } from '../../resp/command-writer.ts';
import { KeyEntry } from '../live/key-entry.ts';
import { LiveIndex } from '../live/live-index.ts';
import type { LiveOp } from '../live/live-op.ts';
import { commandsIn, received, type TestOrigin, testOrigins } from '../live/ops.fixture.ts';
import { resolve } from './resolve.ts';
import { REBUILD_SCRIPT } from './scripts.ts';
import { writeSettled } from './settled.ts';

const NOW_MS = 1000;

/** Commands as text, without changes of the expiry. */
function written(write: (out: CommandWriter) => void): string[] {
  const out = new CommandWriter();
  write(out);
  const lines = commandsIn(out.take()).map((args) =>
    args[1] === REBUILD_SCRIPT ? ['REBUILD', ...args.slice(4)].join(' ') : args.join(' '),
  );
  return lines.filter((line) => !line.startsWith('PERSIST'));
}

function entryOf(before: LiveOp[]): KeyEntry {
  const index = new LiveIndex(0, 3, () => {});
  for (const op of before) index.integrate(received(op));
  return index.get('k')?.fork() ?? new KeyEntry('k');
}

/** What the engine must do for `op`, where `before` have been delivered. */
function resolved(before: LiveOp[], op: LiveOp): string[] {
  return written((out) => resolve(received(op), entryOf(before), out, NOW_MS));
}

function three(): [TestOrigin, TestOrigin, TestOrigin] {
  return testOrigins() as [TestOrigin, TestOrigin, TestOrigin];
}

describe('SETBIT', () => {
  test('is its own command beside other bits, and where it is the newest', () => {
    const [a, b] = three();
    const before = a.write('SETBIT k 1 1', { at: 2 });
    assert.deepEqual(resolved([before], b.write('SETBIT k 2 1')), ['SETBIT k 2 1']);
    assert.deepEqual(resolved([before], b.write('SETBIT k 1 0', { at: 3 })), ['SETBIT k 1 0']);
  });

  test('changes nothing where a newer one has set the bit', () => {
    const [a, b] = three();
    const before = a.write('SETBIT k 1 1', { at: 2 });
    assert.deepEqual(resolved([before], b.write('SETBIT k 1 0', { at: 1 })), []);
  });

  test('lies on top of an assignment that had not seen it, whichever is newer', () => {
    for (const at of [1, 3]) {
      const [a, b] = three();
      const bit = a.write('SETBIT k 1 1', { at: 2 });
      const set = b.write('SET k v', { at });
      assert.deepEqual(resolved([bit], set), ['SET k v', 'SETBIT k 1 1']);
      assert.deepEqual(resolved([set], bit), ['SETBIT k 1 1']);
    }
  });

  test('survives a DEL that had not seen it, on nothing', () => {
    const [a, b] = three();
    const bit = a.write('SETBIT k 1 1');
    assert.deepEqual(resolved([bit], b.write('DEL k')), ['REBUILD 1 4 SETBIT k 1 1']);
  });

  test('is taken away by an assignment that had seen it, also by one that does not win', () => {
    const [a, b, c] = three();
    const seen = a.write('SETBIT k 1 1', { at: 1 });
    const unseen = a.write('SETBIT k 2 1', { at: 1 });
    const winner = c.write('SET k new', { at: 9 });
    const loser = b.sees(seen).write('SET k old', { at: 2 });
    assert.deepEqual(resolved([seen, unseen, winner], loser), [
      'SET k new KEEPTTL',
      'SETBIT k 2 1',
    ]);
  });

  test('is not written where an increment was made meanwhile, nor the other way round', () => {
    const [a, b] = three();
    const bit = a.write('SETBIT k 1 1');
    const increment = b.write('INCR k');
    assert.deepEqual(resolved([bit], increment), []);
    assert.deepEqual(resolved([increment], bit), []);
  });

  test('is written where an increment was made before it, whatever it has not seen of the expiry', () => {
    const [a, b, c] = three();
    const increment = b.write('INCR k');
    const bit = a.sees(increment).write('SETBIT k 1 1');
    const expire = c.write('PEXPIREAT k 9000');
    assert.deepEqual(resolved([increment, expire], bit), ['SETBIT k 1 1']);
  });

  test('and a write without a rule leave each other to who made the newer', () => {
    for (const at of [1, 3]) {
      const [a, b] = three();
      const bit = a.write('SETBIT k 1 1', { at: 2 });
      const opaque = b.write('BITFIELD k SET u8 0 1', { at });
      assert.deepEqual(resolved([bit], opaque), []);
      assert.deepEqual(resolved([opaque], bit), []);
    }
  });

  test('is built anew where another type gives way', () => {
    const [a, b] = three();
    const hash = a.write('HSET k f v', { at: 1 });
    assert.deepEqual(resolved([hash], b.write('SETBIT k 1 1', { at: 2 })), [
      'REBUILD 1 4 SETBIT k 1 1',
    ]);
  });
});

test('settling writes the text before the bits that lie on it', () => {
  const [a, b] = three();
  const bit = a.write('SETBIT k 1 1', { at: 1 });
  const set = b.write('SET k v', { at: 2 });
  const other = a.write('SETBIT k 9 0', { at: 3 });
  const settled = (ops: LiveOp[]) =>
    written((out) => writeSettled(entryOf(ops), 'value', out, NOW_MS));
  assert.deepEqual(settled([bit, set, other]), [
    'REBUILD 1 3 SET k v 4 SETBIT k 1 1 4 SETBIT k 9 0',
  ]);
  const entry = entryOf([bit, other, set]);
  entry.table?.prune(Float64Array.of(1, 0, 0));
  const anew = written((out) => writeSettled(entry, 'value', out, NOW_MS));
  assert.deepEqual(anew, ['SET k v KEEPTTL', 'SETBIT k 9 0']);
  assert.deepEqual(settled([bit, b.write('SETBIT k 2 1')]), ['SETBIT k 1 1', 'SETBIT k 2 1']);
  assert.deepEqual(settled([bit, b.write('INCR k')]), []);
});
