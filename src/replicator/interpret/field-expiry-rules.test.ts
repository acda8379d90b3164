import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from '../../resp/command.ts';
import { encodeStrings } from '../../resp/encode.ts';
import type { Reply } from '../../resp/reply-parser.ts';
import { StreamParser } from '../../resp/stream-parser.ts';
import { fieldExpiryRules } from './field-expiry-rules.ts';
import { opsOfRead, type ReadRequest } from './reads.ts';
import type { OpSink } from './sink.ts';

/** What a command comes to, a line for each op or read. */
function shipped(text: string): string[] {
  const lines: string[] = [];
  const sink: Partial<OpSink> = {
    verbatim: () => lines.push(text),
    rewritten: (_, args) => lines.push(args.join(' ')),
    readFields: (key, names) => lines.push(`read ${key}: ${names.join(' ')}`),
  };
  const parser = new StreamParser();
  const command = new Command();
  parser.feed(encodeStrings(text.split(' ')));
  parser.next(command);
  fieldExpiryRules(sink as OpSink).get(text.split(' ')[0] as string)?.(command);
  return lines;
}

test('what the engine propagates is the op, without its condition', () => {
  const expire = 'HPEXPIREAT k 77 FIELDS 2 f g';
  assert.deepEqual(shipped(expire), [expire]);
  for (const flag of ['NX', 'XX', 'GT', 'LT']) {
    assert.deepEqual(shipped(`HPEXPIREAT k 77 ${flag} FIELDS 2 f g`), [expire]);
  }
  // Fields that are named like options.
  assert.deepEqual(shipped('HPEXPIREAT k 77 FIELDS 1 NX'), ['HPEXPIREAT k 77 FIELDS 1 NX']);
  assert.deepEqual(shipped('HPERSIST k FIELDS 1 f'), ['HPERSIST k FIELDS 1 f']);
});

test('HSETEX is an HSET and an expiry', () => {
  assert.deepEqual(shipped('HSETEX k FIELDS 1 f v'), ['HSET k f v']);
  const both = ['HSET k f v g w', 'HPEXPIREAT k 77000 FIELDS 2 f g'];
  assert.deepEqual(shipped('HSETEX k PXAT 77000 FIELDS 2 f v g w'), both);
  assert.deepEqual(shipped('HSETEX k FNX EXAT 77 FIELDS 2 f v g w'), both);
});

test('HSETEX that keeps expiries, or says them from now on, is read', () => {
  for (const option of ['KEEPTTL', 'FXX KEEPTTL', 'EX 5', 'PX 5000']) {
    assert.deepEqual(shipped(`HSETEX k ${option} FIELDS 2 f v g w`), ['read k: f g'], option);
  }
});

const bulk = (text: string): Reply => ({ kind: 'bulk', bytes: Buffer.from(text, 'latin1') });
const array = (...items: Reply[]): Reply => ({ kind: 'array', items });
const bulks = (...texts: string[]): Reply => array(...texts.map(bulk));
const GONE: Reply = { kind: 'null' };

function ops(request: ReadRequest, reply: Reply): string[] {
  return opsOfRead(request, reply).ops.map(({ args }) => args.join(' '));
}

test('a hash that is shipped as a whole keeps the expiries of its fields', () => {
  const content = bulks('f', '1', 'g', '2', 'h', '3');
  const reply = array(bulk('hash'), bulk('-1'), content, bulks('f', '77', 'h', '77', 'g', '88'));
  assert.deepEqual(ops({ kind: 'whole', key: 'k' }, reply).slice(1), [
    'HSET k f 1 g 2 h 3',
    'HPEXPIREAT k 77 FIELDS 2 f h',
    'HPEXPIREAT k 88 FIELDS 1 g',
  ]);
  const without = array(bulk('hash'), bulk('-1'), content);
  assert.deepEqual(ops({ kind: 'whole', key: 'k' }, without).length, 2);
});

test('fields are shipped with their expiries, also that they are gone', () => {
  const request: ReadRequest = { kind: 'fields', key: 'k', names: ['f', 'g', 'h'] };
  const reply = array(bulk('1'), bulk('77'), GONE, bulk('-1'), bulk('3'), bulk('-1'));
  assert.deepEqual(ops(request, reply), [
    'HDEL k g',
    'HSET k f 1 h 3',
    'HPEXPIREAT k 77 FIELDS 1 f',
  ]);
});

test('nothing is shipped of fields where another type is by now', () => {
  assert.deepEqual(ops({ kind: 'fields', key: 'k', names: ['f'] }, array()), []);
});
