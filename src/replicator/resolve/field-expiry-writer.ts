// The commands that give fields of a hash the expiries that live ops say.

import type { CommandWriter } from '../../resp/command-writer.ts';
import type { CellTable } from '../live/cells.ts';
import { settableExpiry } from './expiry.ts';
import type { EngineCommand } from './hyperloglog-writer.ts';

/** Sets the expiries of these fields. `had`: those of them that had one before the op at hand. */
export function writeFieldExpiries(
  key: string,
  names: Iterable<string>,
  had: ReadonlySet<string>,
  table: CellTable,
  out: CommandWriter,
  nowMs: number,
): void {
  for (const name of new Set(names)) {
    const cell = table.cell('hash', name);
    const target = table.fieldExpiries.target(name, cell);
    if (target !== undefined) out.command(command(key, name, target, nowMs));
    // It had one that is gone now, and lives on.
    else if (had.has(name) && cell !== undefined) {
      out.command(command(key, name, Number.POSITIVE_INFINITY, nowMs));
    }
  }
}

/** The expiries of all fields that live contributions make up. */
export function fieldExpiryCommands(key: string, table: CellTable, nowMs: number): EngineCommand[] {
  const commands: EngineCommand[] = [];
  for (const name of table.fieldExpiries.names) {
    const cell = table.cell('hash', name);
    const target = cell === undefined ? undefined : table.fieldExpiries.target(name, cell);
    if (target === undefined || target === Number.POSITIVE_INFINITY) continue;
    commands.push(command(key, name, target, nowMs));
  }
  return commands;
}

function command(key: string, name: string, expiry: number, nowMs: number): EngineCommand {
  if (expiry === Number.POSITIVE_INFINITY) return ['HPERSIST', key, 'FIELDS', '1', name];
  return ['HPEXPIREAT', key, String(settableExpiry(expiry, nowMs)), 'FIELDS', '1', name];
}
