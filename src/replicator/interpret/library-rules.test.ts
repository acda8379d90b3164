import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OpKind } from '../../model/op.ts';
import { Command } from '../../resp/command.ts';
import { encodeStrings } from '../../resp/encode.ts';
import type { Reply } from '../../resp/reply-parser.ts';
import { StreamParser } from '../../resp/stream-parser.ts';
import { LIBRARIES } from '../live/libraries/library-effect.ts';
import { libraryRule } from './library-rules.ts';
import { opsOfRead } from './reads.ts';
import type { OpSink } from './sink.ts';

/** What a FUNCTION command comes to. */
function shipped(...args: string[]): string[] {
  const lines: string[] = [];
  const sink: Partial<OpSink> = {
    rewritten: (kind, op) => {
      assert.equal(kind, OpKind.libraries);
      lines.push(op.slice(2).join(' '));
    },
    readLibraries: () => lines.push('read'),
  };
  const parser = new StreamParser();
  const command = new Command();
  parser.feed(encodeStrings(['FUNCTION', ...args]));
  parser.next(command);
  libraryRule(sink as OpSink)(command);
  return lines;
}

test('a library goes by the name in its source', () => {
  for (const first of [
    '#!lua name=lib',
    '#!LUA  NAME=lib',
    '#!lua name="lib"',
    '#!js v=1 name=lib',
  ]) {
    const source = `${first}\nredis.register_function('f', function() end)`;
    assert.deepEqual(shipped('LOAD', source), [`LOAD lib ${source}`]);
    assert.deepEqual(shipped('load', 'REPLACE', source), [`LOAD lib ${source}`]);
  }
});

test('a name further down is none', () => {
  assert.deepEqual(shipped('LOAD', '#!lua\nlocal x = 1 name=lib'), ['read']);
});

test('removals say what they remove', () => {
  assert.deepEqual(shipped('DELETE', 'lib'), ['DELETE lib']);
  assert.deepEqual(shipped('FLUSH'), ['FLUSH']);
  assert.deepEqual(shipped('FLUSH', 'ASYNC'), ['FLUSH']);
});

test('what a dump brought is read', () => {
  assert.deepEqual(shipped('RESTORE', 'payload'), ['read']);
  assert.deepEqual(shipped('RESTORE', 'payload', 'REPLACE'), ['read']);
  assert.deepEqual(shipped('RESTORE', 'payload', 'FLUSH'), ['FLUSH', 'read']);
});

test('other subcommands change nothing', () => {
  for (const name of ['LIST', 'STATS', 'KILL', 'DUMP', 'HELP']) assert.deepEqual(shipped(name), []);
});

test('what was read is shipped library by library', () => {
  const bulk = (text: string): Reply => ({ kind: 'bulk', bytes: Buffer.from(text) });
  const array = (...items: Reply[]): Reply => ({ kind: 'array', items });
  const listed = (name: string, source: string): Reply =>
    array(
      bulk('library_name'),
      bulk(name),
      bulk('engine'),
      bulk('LUA'),
      bulk('functions'),
      array(array(bulk('name'), bulk('library_code'))),
      bulk('library_code'),
      bulk(source),
    );
  const { ops } = opsOfRead(
    { kind: 'libraries', key: LIBRARIES },
    array(listed('a', 'x'), listed('b', 'y')),
  );
  assert.deepEqual(
    ops.map(({ args }) => args.slice(2).join(' ')),
    ['LOAD a x', 'LOAD b y'],
  );
  assert.deepEqual(opsOfRead({ kind: 'libraries', key: LIBRARIES }, array()).ops, []);
});
