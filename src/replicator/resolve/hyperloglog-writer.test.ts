import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommandWriter } from '../../resp/command-writer.ts';
import { KeyEntry } from '../live/key-entry.ts';
import { LiveIndex } from '../live/live-index.ts';
import type { LiveOp } from '../live/live-op.ts';
import { commandsIn, received, type TestOrigin, testOrigins } from '../live/ops.fixture.ts';
import { resolve, writeVerbatim } from './resolve.ts';
import { REBUILD_SCRIPT, REMOVE_COLLECTION_SCRIPT, REMOVE_HYPERLOGLOG_SCRIPT } from './scripts.ts';
import { writeSettled } from './settled.ts';
import { temporaryKeyBeside } from './temporary-key.ts';

const NOW_MS = 1000;
const LATER_MS = 1_000_000;
const TEMPORARY = temporaryKeyBeside('k');
const MERGE = [`SET ${TEMPORARY} value`, `PFMERGE k ${TEMPORARY}`, `UNLINK ${TEMPORARY}`];

function readable(args: string[]): string {
  const [name, script] = args;
  if (name !== 'EVAL') return args.join(' ');
  if (script === REBUILD_SCRIPT) return ['REBUILD', ...args.slice(3)].join(' ');
  if (script === REMOVE_HYPERLOGLOG_SCRIPT) return `REMOVE ${args[3]}`;
  if (script === REMOVE_COLLECTION_SCRIPT) return `REMOVE OTHERS ${args[3]}`;
  return args.join(' ');
}

function written(write: (out: CommandWriter) => void): string[] {
  const out = new CommandWriter();
  write(out);
  return commandsIn(out.take()).map(readable);
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

test('PFADD is its own command, whatever was added meanwhile', () => {
  const [a, b] = three();
  assert.deepEqual(resolved([], a.write('PFADD k x y')), ['PFADD k x y']);
  assert.deepEqual(resolved([a.write('PFADD k z')], b.write('PFADD k x')), ['PFADD k x']);
});

test('a value is merged through a key that exists only meanwhile; what is no string makes way', () => {
  const op = three()[0].write('PFMERGE k value');
  assert.deepEqual(
    written((out) => writeVerbatim(op, out, NOW_MS)),
    ['REMOVE OTHERS k', ...MERGE],
  );
  const [a, b] = three();
  assert.deepEqual(resolved([a.write('PFADD k z')], b.write('PFMERGE k value')), MERGE);
});

test('nothing is written for what a DEL has beaten', () => {
  const [a, b] = three();
  assert.deepEqual(resolved([a.write('DEL k')], b.write('PFADD k x')), []);
  assert.deepEqual(resolved([b.write('PFADD k x')], a.write('DEL k')), ['UNLINK k']);
});

test('a DEL removes a HyperLogLog though its expiry was changed meanwhile', () => {
  const [a, b] = three();
  const extended = a.write(`PEXPIREAT k ${LATER_MS}`);
  assert.deepEqual(resolved([extended], b.write('DEL k')), ['REMOVE k']);
});

test('a value that is known to be another type is left to who changed its expiry', () => {
  const [a, b] = three();
  const base = a.write('SADD k m');
  const extended = a.write(`PEXPIREAT k ${LATER_MS}`);
  assert.deepEqual(resolved([base, extended], b.sees(base).write('DEL k')), []);
});

test('what a moved HyperLogLog had not observed stays where it was', () => {
  const [a, b] = three();
  const unseen = a.write('PFADD k x');
  const removal = b.write('DEL k', { makesWay: true });
  assert.deepEqual(resolved([unseen], removal), ['REBUILD k 1 3 PFADD k x']);
  const extended = a.write(`PEXPIREAT k ${LATER_MS}`);
  assert.deepEqual(resolved([unseen, extended], removal), ['REMOVE k', 'PFADD k x']);
});

test('it is built anew where another type gives way', () => {
  const [a, b, c] = three();
  const set = a.write('SET k v', { at: 1 });
  const x = b.write('PFADD k x', { at: 2 });
  assert.deepEqual(resolved([set], x), ['REBUILD k 1 3 PFADD k x']);
  assert.deepEqual(resolved([x], set), ['REBUILD k 1 3 PFADD k x', 'PERSIST k']);
  const merged = c.write('PFMERGE k value', { at: 3 });
  const [put, merge, drop] = MERGE.map((command) => `3 ${command}`);
  assert.deepEqual(resolved([set, x], merged), MERGE);
  assert.deepEqual(resolved([x, merged], set), [
    `REBUILD k 1 3 PFADD k x ${put} ${merge} ${drop?.replace('3 ', '2 ')}`,
    'PERSIST k',
  ]);
});

test('settling adds again what may have been missed, or removes what a DEL has beaten', () => {
  const [a, b] = three();
  const x = a.write('PFADD k x');
  const y = b.write('PFADD k y');
  const settled = (ops: LiveOp[]) =>
    written((out) => writeSettled(entryOf(ops), 'value', out, NOW_MS));
  assert.deepEqual(settled([x, y]), ['PFADD k x', 'PFADD k y']);
  assert.deepEqual(settled([x, b.write('DEL k')]), ['UNLINK k']);
});
