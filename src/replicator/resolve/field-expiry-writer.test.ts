// What an engine must do where expiries of fields meet other writes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommandWriter } from '../../resp/command-writer.ts';
import type { CellTable } from '../live/cells.ts';
import { KeyEntry } from '../live/key-entry.ts';
import { LiveIndex } from '../live/live-index.ts';
import type { LiveOp } from '../live/live-op.ts';
import { commandsIn, received, type TestOrigin, testOrigins } from '../live/ops.fixture.ts';
import { writeAnew } from './rebuild.ts';
import { resolve, writeVerbatim } from './resolve.ts';
import { REBUILD_SCRIPT } from './scripts.ts';
import { writeSettled } from './settled.ts';

const NOW_MS = 1000;
const [LATE, LATER] = [1_000_000, 2_000_000];

function written(write: (out: CommandWriter) => void): string[] {
  const out = new CommandWriter();
  write(out);
  return commandsIn(out.take()).map((args) =>
    args[1] === REBUILD_SCRIPT ? ['REBUILD', ...args.slice(4)].join(' ') : args.join(' '),
  );
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

const expireAt = (ms: number, name = 'f'): string => `HPEXPIREAT k ${ms} FIELDS 1 ${name}`;

test('without concurrency a change is its own command, unless its time is past here', () => {
  const [a] = three();
  const verbatim = (command: string) =>
    written((out) => writeVerbatim(a.write(command), out, NOW_MS));
  assert.deepEqual(verbatim(expireAt(LATE)), [expireAt(LATE)]);
  assert.deepEqual(verbatim(expireAt(7)), [expireAt(2000)]);
  assert.deepEqual(verbatim('HPERSIST k FIELDS 1 f'), ['HPERSIST k FIELDS 1 f']);
});

test('also where the whole hash is written, a time that is past here is put off', () => {
  const [a, b] = three();
  const hash = a.write('HSET k f v', { at: 9 });
  const expiry = a.write(expireAt(7));
  assert.deepEqual(resolved([b.write('SET k v', { at: 1 }), hash], expiry), [expireAt(2000)]);
  const index = new LiveIndex(0, 3, () => {});
  for (const op of [hash, expiry]) index.integrate(received(op));
  const table = index.get('k')?.expand();
  assert.deepEqual(
    written((out) => writeAnew('k', table as CellTable, out, NOW_MS)),
    [`REBUILD 1 4 HSET k f v 6 ${expireAt(2000)}`],
  );
});

test('the longer of two expiries is set', () => {
  const [a, b] = three();
  const late = a.write(expireAt(LATE));
  assert.deepEqual(resolved([late], b.write(expireAt(LATER))), [expireAt(LATER)]);
  assert.deepEqual(resolved([late], b.write(expireAt(5000))), [expireAt(LATE)]);
  assert.deepEqual(resolved([late], b.write('HPERSIST k FIELDS 1 f')), ['HPERSIST k FIELDS 1 f']);
});

test('a field that was set meanwhile has none, whichever comes first', () => {
  const [a, b] = three();
  const [expiry, set] = [a.write(expireAt(LATE)), b.write('HSET k f v')];
  assert.deepEqual(resolved([set], expiry), ['HPERSIST k FIELDS 1 f']);
  assert.deepEqual(resolved([expiry], set), ['HSET k f v', 'HPERSIST k FIELDS 1 f']);
});

test('a loser ends the expiry too', () => {
  const [a, b, c] = three();
  const winner = a.write('HSET k f new', { at: 9 });
  const expiry = a.write(expireAt(LATE));
  const loser = b.write('HSET k f old', { at: 1 });
  assert.deepEqual(resolved([winner, expiry], loser), ['HPERSIST k FIELDS 1 f']);
  assert.deepEqual(resolved([winner, expiry], c.write(expireAt(LATER))), [expireAt(LATER)]);
});

test('a field whose expiry was changed meanwhile is not removed', () => {
  const [a, b, c] = three();
  const base = c.write('HSET k f 1 g 2');
  const extended = a.sees(base).write(expireAt(LATE));
  assert.deepEqual(resolved([base, extended], b.sees(base).write('HDEL k f g')), ['HDEL k g']);
});

test('a member of a set is not taken for a field of its name', () => {
  const [a, b] = three();
  const expiry = a.write(expireAt(LATE));
  const removal = b.write('DEL k');
  assert.deepEqual(resolved([expiry, removal], b.write('SADD k f')), ['SADD k f']);
});

test('an increment that survives a removal keeps the expiry that does', () => {
  const [a, b, c] = three();
  const removal = b.write('HDEL k f');
  const expiry = a.write(expireAt(LATE));
  assert.deepEqual(resolved([removal, expiry], c.write('HINCRBY k f 5')), [
    'HINCRBY k f 5',
    expireAt(LATE),
  ]);
});

test('a hash that is built anew has the expiries of its fields', () => {
  const [a, b] = three();
  const set = a.write('HSET k f v g w', { at: 5 });
  const expiry = a.write(expireAt(LATE), { at: 6 });
  assert.deepEqual(resolved([set, expiry], b.write('SET k s', { at: 1 })).slice(0, 1), [
    `REBUILD 1 6 HSET k f v g w 6 ${expireAt(LATE)}`,
  ]);
});

test('settling sets the expiries again', () => {
  const [a, b] = three();
  const ops = [a.write(expireAt(LATE)), b.write(expireAt(LATER))];
  const settled = written((out) => writeSettled(entryOf(ops), 'value', out, NOW_MS));
  assert.deepEqual(settled, [expireAt(LATER)]);
});

test('what became of a field that was left as it was is written, also where no live op says anything new', () => {
  const [a, b, c] = three();
  const other = b.write('HSET k f 10', { at: 1 });
  const value = a.write('HSET k f 8', { at: 2 });
  const removal = c.sees(value).write('HDEL k f', { at: 3 });
  const extended = a.write(expireAt(LATE), { at: 4 });
  const gone = a.write('HDEL k f', { at: 5 });
  const before = [other, value, extended];
  assert.deepEqual(
    resolved(before, removal).filter((command) => !command.startsWith('HP')),
    [],
  );
  const after = resolved([...before, removal], gone);
  assert.ok(after.includes('HSET k f 10'), String(after));
});
