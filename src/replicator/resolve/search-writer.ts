// What an engine must do for ops on search indexes, aliases, dictionaries and the documents of an index. None
// of them is a key, so WATCH does not guard them: what is decided without knowing of a local write is settled
// once that is seen.

import { OpKind } from '../../model/op.ts';
import type { CommandWriter } from '../../resp/command-writer.ts';
import { stateOf } from '../live/cell.ts';
import type { CellTable } from '../live/cells.ts';
import type { Effect } from '../live/effect.ts';
import type { LiveOp } from '../live/live-op.ts';
import { DEFINITION } from '../live/search/search-effect.ts';
import { SEARCH_SCRIPT } from './search-script.ts';
import { batched } from './values.ts';

type SearchCommand = readonly string[];

/** Writes the op's own command: nothing concurrent is known. */
export function writeSearchOp(op: LiveOp, out: CommandWriter): void {
  write(commandsOf(op, false), out);
}

/** Integrates an op that met others which it had not observed, and writes what that comes to. */
export function resolveSearch(
  op: LiveOp,
  effect: Effect,
  table: CellTable,
  out: CommandWriter,
): void {
  const before = op.kind === OpKind.ftIndex ? indexIn(table) : [];
  table.integrate(op, effect);
  switch (op.kind) {
    case OpKind.ftIndex:
      resolveIndex(op, before, table, out);
      break;
    case OpKind.ftDictionary:
      writeTerms(op.args()[1] as string, namesOf(effect), table, out);
      break;
    default:
      writeShown(op, table, out);
  }
}

/** Writes what live contributions determine, whatever the engine shows now. */
export function writeSettledSearch(table: CellTable, out: CommandWriter): void {
  const newest = table.newestOp('search');
  if (newest === undefined) return;
  switch (newest.kind) {
    case OpKind.ftIndex: {
      const index = indexIn(table);
      if (index.length > 0) rebuild(index, out);
      break;
    }
    case OpKind.ftDictionary: {
      const names = [...(table.classes.get('search')?.keys() ?? [])];
      names.push(...table.removedCells('search'));
      writeTerms(newest.args()[1] as string, names, table, out);
      break;
    }
    default:
      writeShown(newest, table, out);
  }
}

function shownIn(table: CellTable): LiveOp | undefined {
  return stateOf(table.cell('search', DEFINITION)).winner?.op;
}

function namesOf(effect: Effect): string[] {
  return effect.cells.map((cell) => cell.name);
}

function resolveIndex(
  op: LiveOp,
  before: readonly LiveOp[],
  table: CellTable,
  out: CommandWriter,
): void {
  const after = indexIn(table);
  const [definition] = after;
  const [name] = op.args();
  const drops = name === 'FT.DROP' || name === 'FT.DROPINDEX';
  if (!drops && name !== 'FT.CREATE') writeSearchOp(op, out);
  else if (definition === undefined) writeSearchOp(op, out);
  // Regions that define an index alike, as deployments do, need not fill it anew.
  else if (!isSameIndex(before, after)) rebuild(after, out);
}

/** What an index consists of: its definition, and what was added to it, in the same order everywhere. Empty: its
 * definition is not among the live contributions. */
function indexIn(table: CellTable): LiveOp[] {
  const definition = shownIn(table);
  if (definition === undefined) return [];
  const additions: LiveOp[] = [];
  for (const [cellName, cell] of table.classes.get('search') ?? []) {
    const winner = stateOf(cell).winner?.op;
    if (cellName !== DEFINITION && winner !== undefined) additions.push(winner);
  }
  additions.sort((a, b) => a.timestamp - b.timestamp || a.origin - b.origin);
  return [definition, ...additions];
}

function isSameIndex(a: readonly LiveOp[], b: readonly LiveOp[]): boolean {
  const texts = (ops: readonly LiveOp[]) => ops.map((op) => op.args().join('\0')).sort();
  return texts(a).join('\n') === texts(b).join('\n');
}

/** Defines the index anew. */
function rebuild(index: readonly LiveOp[], out: CommandWriter): void {
  const name = (index[0] as LiveOp).args()[1] as string;
  const commands = index.flatMap((op) => commandsOf(op, true));
  write(commands, out, [
    ['FT.DROPINDEX', name],
    ['FT.DROP', name, 'KEEPDOCS'],
  ]);
}

/** Makes an alias or a document of an index what its newest assignment says. */
function writeShown(op: LiveOp, table: CellTable, out: CommandWriter): void {
  const shown = shownIn(table);
  if (shown !== undefined) write(commandsOf(shown, true), out);
  else if (op.kind === OpKind.ftAlias) write([['FT.ALIASDEL', op.args()[1] as string]], out);
  else write([['FT.DEL', op.args()[3] as string, op.args()[4] as string]], out);
  const payload = stateOf(table.cell('search', 'payload')).winner?.op;
  if (shown !== undefined && payload !== undefined) write(commandsOf(payload, true), out);
}

function writeTerms(
  dictionary: string,
  terms: readonly string[],
  table: CellTable,
  out: CommandWriter,
): void {
  const alive = terms.filter((term) => table.cell('search', term) !== undefined);
  const gone = terms.filter((term) => table.cell('search', term) === undefined);
  write(batched(['FT.DICTADD', dictionary], alive, 1), out);
  write(batched(['FT.DICTDEL', dictionary], gone, 1), out);
}

/** The module's own commands for an op. `replaces`: a document that is in the index is indexed anew. */
function commandsOf(op: LiveOp, replaces: boolean): SearchCommand[] {
  const args = op.args();
  if (op.kind === OpKind.ftDictionary) {
    return batched(args.slice(0, 2), args.slice(2), 1);
  }
  if (op.kind !== OpKind.ftDocument) return [args];
  const [, , verb, index, document, ...rest] = args as [string, string, string, string, string];
  switch (verb) {
    case 'DEL':
      return [['FT.DEL', index, document]];
    case 'PAYLOAD':
      return [['FT.SETPAYLOAD', index, document, ...rest]];
    case 'UNSAVED': {
      const [score, ...others] = rest as string[];
      const replace = replaces && !others.includes('REPLACE') ? ['REPLACE'] : [];
      return [['FT.SAFEADD', index, document, score as string, 'NOSAVE', ...replace, ...others]];
    }
    default:
      return addCommands(index, document, rest, replaces);
  }
}

function addCommands(
  index: string,
  document: string,
  rest: readonly string[],
  replaces: boolean,
): SearchCommand[] {
  const [score = '1', replace, language, ...payload] = rest;
  const add = ['FT.SAFEADDHASH', index, document, score];
  if (language !== undefined && language !== '') add.push('LANGUAGE', language);
  if (replaces || replace === 'REPLACE') add.push('REPLACE');
  const commands = [add];
  if (payload.length > 0) commands.push(['FT.SETPAYLOAD', index, document, ...payload]);
  return commands;
}

function write(
  commands: readonly SearchCommand[],
  out: CommandWriter,
  optional: readonly SearchCommand[] = [],
): void {
  if (commands.length === 0 && optional.length === 0) return;
  const argv: string[] = [];
  for (const command of optional) argv.push(`?${command.length}`, ...command);
  for (const command of commands) argv.push(String(command.length), ...command);
  out.command(['EVAL', SEARCH_SCRIPT, '0', ...argv]);
}
