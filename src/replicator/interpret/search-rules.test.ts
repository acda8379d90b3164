import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OpKind } from '../../model/op.ts';
import { Command } from '../../resp/command.ts';
import { encodeStrings } from '../../resp/encode.ts';
import { StreamParser } from '../../resp/stream-parser.ts';
import { searchRules } from './search-rules.ts';
import type { OpSink } from './sink.ts';

const KIND_NAMES = new Map(Object.entries(OpKind).map(([name, kind]) => [kind as number, name]));

/** What commands of the stream come to, one line for each op or read. */
function interpreted(...commands: string[]): string[] {
  const lines: string[] = [];
  const sink: OpSink = {
    verbatim: (kind, command) => lines.push(`${KIND_NAMES.get(kind)}: ${text(command)}`),
    rewritten: (kind, args) => lines.push(`${KIND_NAMES.get(kind)}: ${args.join(' ')}`),
    readWhole: (key) => lines.push(`read ${key}`),
    readDocument: (key, fields, indexing) =>
      lines.push(`read ${fields.join(' ')} of ${key}, then ${indexing.join(' ')}`),
    readJson: unexpected,
    shiftJson: unexpected,
    message: unexpected,
    readMembers: unexpected,
    readUnion: unexpected,
    readLibraries: unexpected,
    readFields: unexpected,
    readScores: unexpected,
    followList: unexpected,
    groupCreated: unexpected,
    streams: {
      isCut: unexpected,
      acknowledged: unexpected,
      forgetGroup: unexpected,
      needsWhole: unexpected,
    },
    unknownCommand: unexpected,
    unreplicable: unexpected,
  };
  const rules = searchRules(sink);
  const parser = new StreamParser();
  const command = new Command();
  for (const line of commands) {
    parser.feed(encodeStrings(line.split(' ')));
    assert.ok(parser.next(command));
    const rule = rules.get(command.arg(0));
    assert.ok(rule, `${command.arg(0)} has no rule`);
    rule(command);
  }
  return lines;
}

function text(command: Command): string {
  return Array.from({ length: command.argc }, (_, i) => command.arg(i)).join(' ');
}

function unexpected(): never {
  throw new Error('this is not asked for');
}

describe('definitions', () => {
  test('come under the names that modules of all ages propagate, and are what a client may write', () => {
    const names = ['FT.CREATE', 'FT._CREATEIFNX'];
    for (const name of names) {
      assert.deepEqual(interpreted(`${name} i SCHEMA t TEXT`), [
        'ftIndex: FT.CREATE i SCHEMA t TEXT',
      ]);
    }
    assert.deepEqual(interpreted('FT._ALTERIFNX i SCHEMA ADD n NUMERIC', 'FT.SYNUPDATE i g a b'), [
      'ftIndex: FT.ALTER i SCHEMA ADD n NUMERIC',
      'ftIndex: FT.SYNUPDATE i g a b',
    ]);
    assert.deepEqual(interpreted('FT.DICTADD d a b', 'FT.DICTDEL d a'), [
      'ftDictionary: FT.DICTADD d a b',
      'ftDictionary: FT.DICTDEL d a',
    ]);
  });

  test('an alias is assigned, whether it was there or not', () => {
    const assigned = ['ftAlias: FT.ALIASUPDATE a i'];
    for (const name of ['FT.ALIASADD', 'FT._ALIASADDIFNX', 'FT.ALIASUPDATE']) {
      assert.deepEqual(interpreted(`${name} a i`), assigned);
    }
    assert.deepEqual(interpreted('FT._ALIASDELIFX a'), ['ftAlias: FT.ALIASDEL a']);
  });

  test('an index is dropped without its documents where those are removed in the stream', () => {
    assert.deepEqual(interpreted('FT._DROPINDEXIFX i _FORCEKEEPDOCS', 'FT._DROPIFX i KEEPDOCS'), [
      'ftIndex: FT.DROPINDEX i',
      'ftIndex: FT.DROPINDEX i',
    ]);
    assert.deepEqual(interpreted('FT.DROP i', 'FT.DROPINDEX i'), [
      'ftIndex: FT.DROP i',
      'ftIndex: FT.DROPINDEX i',
    ]);
  });
});

describe('documents that an old module stores itself', () => {
  test('are read, field by field, and then indexed', () => {
    assert.deepEqual(
      interpreted(
        'FT.SAFEADD i d 0.5 REPLACE PARTIAL LANGUAGE german PAYLOAD p FIELDS t x u FIELDS',
      ),
      ['read t u of d, then FTDOCUMENT 1:id ADD i d 0.5 REPLACE german p'],
    );
    assert.deepEqual(interpreted('FT.SAFEADD i d 1.0 FIELDS t x'), [
      'read t of d, then FTDOCUMENT 1:id ADD i d 1.0  ',
    ]);
  });

  test('that are not stored are indexed with what the command says', () => {
    assert.deepEqual(interpreted('FT.SAFEADD i d 1.0 NOSAVE FIELDS t NOSAVE'), [
      'ftDocument: FTDOCUMENT 1:id UNSAVED i d 1.0 FIELDS t NOSAVE',
    ]);
  });

  test('that are hashes already are indexed as they are', () => {
    assert.deepEqual(interpreted('FT.SAFEADDHASH i d 1.0 LANGUAGE german REPLACE'), [
      'ftDocument: FTDOCUMENT 1:id ADD i d 1.0 REPLACE german',
    ]);
  });

  test('leave an index, and with DD the keyspace', () => {
    assert.deepEqual(interpreted('FT.DEL i d', 'FT.DEL i d DD', 'FT.SETPAYLOAD i d p'), [
      'ftDocument: FTDOCUMENT 1:id DEL i d',
      'ftDocument: FTDOCUMENT 1:id DEL i d',
      'read d',
      'ftDocument: FTDOCUMENT 1:id PAYLOAD i d p',
    ]);
  });
});

test('suggestions are opaque, and read where the stream counts them twice', () => {
  assert.deepEqual(interpreted('FT.SUGADD s a 1', 'FT.SUGDEL s a', 'FT.SUGADD s a 1 INCR'), [
    'opaque: FT.SUGADD s a 1',
    'opaque: FT.SUGDEL s a',
    'read s',
  ]);
});
