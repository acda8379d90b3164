// Commands of the search module as ops. Indexes, aliases and dictionaries are no keys; documents are the keys
// they are, and every region indexes its own. Newer modules propagate their definitions under names of their
// own (FT._CREATEIFNX): shipped is what a client may write. Old ones (1.x) store documents themselves: what
// such a command made of the fields is read, and every region then indexes what it shows.

import { OpKind } from '../../model/op.ts';
import type { Command } from '../../resp/command.ts';
import { argsFrom } from './list-shadow.ts';
import type { OpSink } from './sink.ts';

type Rule = (command: Command) => void;

/** The rules, by name of the command in upper case. */
export function searchRules(sink: OpSink): Map<string, Rule> {
  const rules = new Map<string, Rule>();
  const add = (names: readonly string[], rule: Rule): void => {
    for (const name of names) rules.set(name, rule);
  };
  const asIs = (kind: OpKind, name: string): Rule => {
    return (c) => sink.rewritten(kind, [name, ...argsFrom(c, 1)]);
  };
  add(['FT.CREATE', 'FT._CREATEIFNX'], asIs(OpKind.ftIndex, 'FT.CREATE'));
  add(['FT.ALTER', 'FT._ALTERIFNX'], asIs(OpKind.ftIndex, 'FT.ALTER'));
  add(['FT.SYNUPDATE'], asIs(OpKind.ftIndex, 'FT.SYNUPDATE'));
  add(['FT.DROP'], asIs(OpKind.ftIndex, 'FT.DROP'));
  add(['FT.DROPINDEX'], asIs(OpKind.ftIndex, 'FT.DROPINDEX'));
  // The documents that went with the index are removed in the stream by themselves.
  const drop: Rule = (c) => sink.rewritten(OpKind.ftIndex, ['FT.DROPINDEX', c.arg(1)]);
  add(['FT._DROPIFX', 'FT._DROPINDEXIFX'], drop);
  const alias: Rule = (c) => {
    sink.rewritten(OpKind.ftAlias, ['FT.ALIASUPDATE', c.arg(1), c.arg(2)]);
  };
  add(['FT.ALIASADD', 'FT._ALIASADDIFNX'], alias);
  add(['FT.ALIASUPDATE'], alias);
  add(['FT.ALIASDEL', 'FT._ALIASDELIFX'], asIs(OpKind.ftAlias, 'FT.ALIASDEL'));
  add(['FT.DICTADD'], asIs(OpKind.ftDictionary, 'FT.DICTADD'));
  add(['FT.DICTDEL'], asIs(OpKind.ftDictionary, 'FT.DICTDEL'));
  add(['FT.ADD', 'FT.SAFEADD'], (c) => addDocument(sink, c));
  add(['FT.ADDHASH', 'FT.SAFEADDHASH'], (c) => indexHash(sink, c));
  add(['FT.DEL'], (c) => removeDocument(sink, c));
  add(['FT.SETPAYLOAD'], (c) => {
    sink.rewritten(OpKind.ftDocument, documentArgs(c, 'PAYLOAD', [c.arg(3)]));
  });
  add(['FT.SUGADD'], (c) => suggest(sink, c));
  add(['FT.SUGDEL'], (c) => sink.verbatim(OpKind.opaque, c, 1));
  return rules;
}

/** An op of a document of an index: index and document are arguments 1 and 2 of every such command. */
function documentArgs(command: Command, verb: string, rest: readonly string[]): string[] {
  const [index, document] = [command.arg(1), command.arg(2)];
  // One name for the two, that no other two have.
  const name = `${index.length}:${index}${document}`;
  return ['FTDOCUMENT', name, verb, index, document, ...rest];
}

/** FT.ADD index document score [NOSAVE] [REPLACE [PARTIAL]] [LANGUAGE l] [PAYLOAD p] [IF e] FIELDS ... It is in
 * the stream even when it was refused. */
function addDocument(sink: OpSink, command: Command): void {
  const args = argsFrom(command, 3);
  const [score = '1', second = ''] = args;
  if (second.toUpperCase() === 'NOSAVE') {
    const rest = [score, ...args.slice(2)];
    sink.rewritten(OpKind.ftDocument, documentArgs(command, 'UNSAVED', rest));
    return;
  }
  const fieldsAt = args.findIndex((arg) => arg.toUpperCase() === 'FIELDS');
  const options = args.slice(0, fieldsAt);
  const fields = args.slice(fieldsAt + 1).filter((_, i) => i % 2 === 0);
  const rest = [score, ...indexingOptions(options)];
  const payload = after(options, 'PAYLOAD');
  if (payload !== undefined) rest.push(payload);
  sink.readDocument(command.arg(2), fields, documentArgs(command, 'ADD', rest));
}

/** FT.ADDHASH index document score [LANGUAGE l] [REPLACE] */
function indexHash(sink: OpSink, command: Command): void {
  const rest = [command.arg(3), ...indexingOptions(argsFrom(command, 4))];
  sink.rewritten(OpKind.ftDocument, documentArgs(command, 'ADD', rest));
}

/** REPLACE or nothing, and the language if one is named. */
function indexingOptions(options: readonly string[]): string[] {
  const replaces = options.some((arg) => arg.toUpperCase() === 'REPLACE');
  return [replaces ? 'REPLACE' : '', after(options, 'LANGUAGE') ?? ''];
}

function after(options: readonly string[], name: string): string | undefined {
  const at = options.findIndex((arg) => arg.toUpperCase() === name);
  return at < 0 ? undefined : options[at + 1];
}

/** FT.DEL index document [DD]: with DD the document itself goes too, if it was in the index. */
function removeDocument(sink: OpSink, command: Command): void {
  sink.rewritten(OpKind.ftDocument, documentArgs(command, 'DEL', []));
  if (command.argc > 3) sink.readWhole(command.arg(2));
}

/** Old modules propagate FT.SUGADD twice, which counts with INCR. */
function suggest(sink: OpSink, command: Command): void {
  const counts = argsFrom(command, 4).some((arg) => arg.toUpperCase() === 'INCR');
  if (counts) sink.readWhole(command.arg(1));
  else sink.verbatim(OpKind.opaque, command, 1);
}
