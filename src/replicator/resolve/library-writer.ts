// What an engine must do for ops on function libraries. They are no keys, so WATCH does not guard them: what is
// decided without knowing of a local write is settled once that is seen.

import type { CommandWriter } from '../../resp/command-writer.ts';
import { stateOf } from '../live/cell.ts';
import type { CellTable } from '../live/cells.ts';
import type { Effect } from '../live/effect.ts';
import type { LiveOp } from '../live/live-op.ts';

/** Writes the op's own command: nothing concurrent is known. */
export function writeLibraryOp(op: LiveOp, out: CommandWriter): void {
  const [, , verb, name = '', source = ''] = op.args();
  if (verb === 'LOAD') out.command(['FUNCTION', 'LOAD', 'REPLACE', source]);
  else if (verb === 'DELETE') out.command(['FUNCTION', 'DELETE', name]);
  else out.command(['FUNCTION', 'FLUSH']);
}

/** Integrates an op that met others which it had not observed, and writes what that comes to. */
export function resolveLibraries(
  op: LiveOp,
  effect: Effect,
  table: CellTable,
  out: CommandWriter,
): void {
  const [, , verb, name = ''] = op.args();
  // The engine refuses to delete what it has not.
  const wasGone = isGone(name, table);
  table.integrate(op, effect);
  if (verb === 'FLUSH') {
    writeLibraryOp(op, out);
    writeLoads(table, out);
    return;
  }
  const shown = stateOf(table.cell('library', name)).winner?.op;
  if (shown === undefined) {
    if (!wasGone) writeLibraryOp(op, out);
  } else if (verb === 'DELETE' || shown === op) {
    writeLibraryOp(shown, out);
  }
}

/** Writes what live contributions determine, whatever the engine has now. */
export function writeSettledLibraries(table: CellTable, out: CommandWriter): void {
  if (table.isComplete) out.command(['FUNCTION', 'FLUSH']);
  else for (const name of table.removedCells('library')) out.command(['FUNCTION', 'DELETE', name]);
  writeLoads(table, out);
}

function isGone(name: string, table: CellTable): boolean {
  if (table.cell('library', name) !== undefined) return false;
  return table.isComplete || table.removedCells('library').includes(name);
}

function writeLoads(table: CellTable, out: CommandWriter): void {
  for (const cell of table.classes.get('library')?.values() ?? []) {
    const shown = stateOf(cell).winner?.op;
    if (shown !== undefined) writeLibraryOp(shown, out);
  }
}
