// The value of a key written anew from its live contributions, whatever the engine shows.

import type { CommandWriter } from '../../resp/command-writer.ts';
import type { CellTable } from '../live/cells.ts';
import type { ValueClass } from '../live/effect.ts';
import { REBUILD_SCRIPT } from './scripts.ts';
import { buildCommands } from './values.ts';

/** Writes what clients see of the contributions. */
export function writeAnew(key: string, table: CellTable, out: CommandWriter, nowMs: number): void {
  const visible = table.visibleClass();
  if (visible === undefined) out.command(['UNLINK', key]);
  else rebuild(key, table, visible, true, out, nowMs);
}

/** Whatever has become of the key as a whole is in the commands already. */
export function markShown(table: CellTable): void {
  const visible = table.visibleClass();
  for (const valueClass of ['list', 'json'] as const) {
    const isHidden = visible !== undefined && visible !== valueClass;
    table[valueClass]?.markShown(isHidden ? 'hidden' : table.heldBackRemovals);
  }
  table.stream?.markShown();
}

/** Replaces whatever the engine shows by the contributions of one class. */
export function rebuild(
  key: string,
  table: CellTable,
  valueClass: ValueClass,
  keepsTtl: boolean,
  out: CommandWriter,
  nowMs: number,
): void {
  const commands = buildCommands(key, table, valueClass, nowMs);
  if (commands === undefined) return;
  for (const own of ['list', 'json'] as const) {
    table[own]?.markShown(valueClass === own ? table.heldBackRemovals : 'hidden');
  }
  table.stream?.markShown();
  const argv: string[] = [keepsTtl ? '1' : '0'];
  for (const command of commands) argv.push(String(command.length), ...command);
  out.command(['EVAL', REBUILD_SCRIPT, '1', key, ...argv]);
}
