// Everything that live contributions determine about a key, written whatever the engine shows: for what a
// conflict may have left in doubt.

import { isOutsideKeyspace } from '../../model/op.ts';
import type { CommandWriter } from '../../resp/command-writer.ts';
import { type Cell, stateOf } from '../live/cell.ts';
import type { CellTable } from '../live/cells.ts';
import type { ValueClass } from '../live/effect.ts';
import type { KeyEntry } from '../live/key-entry.ts';
import { LIBRARIES } from '../live/libraries/library-effect.ts';
import type { Settlement } from '../live/settlement.ts';
import { isTangled } from '../live/tangle.ts';
import { COMMANDS, writeCell } from './cell-writer.ts';
import { writeSettledExpiry } from './expiry.ts';
import { writeFieldExpiries } from './field-expiry-writer.ts';
import { writeUnions } from './hyperloglog-writer.ts';
import { writeSettledLibraries } from './library-writer.ts';
import { writeAnew } from './rebuild.ts';
import { RETAIN_SCRIPT } from './scripts.ts';
import { writeSettledSearch } from './search-writer.ts';
import { writeStreamSettled } from './stream-writer.ts';
import { batched } from './values.ts';

/** Writes everything that live contributions determine about a key, whatever the engine shows now. */
export function writeSettled(
  entry: KeyEntry,
  what: Settlement,
  out: CommandWriter,
  nowMs: number,
): void {
  const table = entry.table;
  if (table === undefined || table.heldBack) return;
  const visible = table.visibleClass();
  if (isOutsideKeyspace(entry.key)) {
    if (entry.key === LIBRARIES) writeSettledLibraries(table, out);
    else writeSettledSearch(table, out);
    return;
  }
  const cells = visible === undefined ? undefined : table.classes.get(visible);
  const leaves = (cell: Cell): boolean => what === 'exact value' && cell.isInexact;
  const leavesSome = [...(cells?.values() ?? [])].some(leaves);
  if ((table.isComplete || table.isMixed || visible === 'opaque') && !leavesSome) {
    writeAnew(entry.key, table, out, nowMs);
    if (what === 'value and expiry') writeSettledExpiry(entry.key, table, out, nowMs);
    return;
  }
  if (visible === 'stream' && table.stream !== undefined) {
    writeStreamSettled(entry.key, table.stream, out);
  }
  writeSettledRemovals(entry.key, table, visible, out);
  if (visible === 'hyperloglog') writeUnions(table, out);
  if (visible === 'string' && isTangled(table)) return;
  // A string's text is written before the bits that lie on it.
  const isText = (name: string): number => (visible === 'string' && name === '' ? 0 : 1);
  for (const [name, cell] of [...(cells ?? [])].sort(([a], [b]) => isText(a) - isText(b))) {
    if (leaves(cell)) continue;
    const state = stateOf(cell);
    if (state.winner === undefined && !cell.baseGone) continue;
    writeCell(entry.key, visible as ValueClass, name, state, out);
  }
  if (visible === 'hash' || visible === undefined) writeSettledFields(entry.key, table, out, nowMs);
  if (what === 'value and expiry') writeSettledExpiry(entry.key, table, out, nowMs);
}

function writeSettledFields(
  key: string,
  table: CellTable,
  out: CommandWriter,
  nowMs: number,
): void {
  const { names } = table.fieldExpiries;
  writeFieldExpiries(key, names, new Set(), table, out, nowMs);
}

/** What was written without knowing of its removal goes again. */
function writeSettledRemovals(
  key: string,
  table: CellTable,
  visible: ValueClass | undefined,
  out: CommandWriter,
): void {
  for (const valueClass of ['hash', 'set', 'zset'] as const) {
    if (visible !== undefined && visible !== valueClass) continue;
    const removed = table.removedCells(valueClass);
    for (const args of batched([COMMANDS[valueClass][1], key], removed, 1)) out.command(args);
  }
  const retained = visible === 'zset' || visible === undefined ? table.retainedMembers : undefined;
  if (retained !== undefined) out.command(['EVAL', RETAIN_SCRIPT, '1', key, ...retained]);
}
