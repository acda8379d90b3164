// One row for every command that writes, that reaches the replication stream, or that is denied to
// clients: the only place where it is said what becomes of a command.

import { HASHES, SETS } from './hashes-and-sets.ts';
import { KEYS } from './keys.ts';
import { LISTS } from './lists.ts';
import { JSON_COMMANDS, OTHER_TYPES, SEARCH } from './modules.ts';
import type { CommandGroup, CommandRow, Denial } from './row.ts';
import { MESSAGES, SCRIPTS, SERVER } from './server.ts';
import { SORTED_SETS } from './sorted-sets.ts';
import { HYPERLOGLOG, STREAMS } from './streams.ts';
import { BITMAPS, STRINGS } from './strings.ts';

export const COMMAND_GROUPS: readonly CommandGroup[] = [
  KEYS,
  STRINGS,
  BITMAPS,
  HASHES,
  SETS,
  SORTED_SETS,
  LISTS,
  HYPERLOGLOG,
  STREAMS,
  JSON_COMMANDS,
  SEARCH,
  OTHER_TYPES,
  SCRIPTS,
  MESSAGES,
  SERVER,
];

export const COMMAND_ROWS: readonly CommandRow[] = COMMAND_GROUPS.flatMap((group) => group.rows);

export type DeniedRow = CommandRow & { readonly denied: Denial };

export const DENIED_ROWS: readonly DeniedRow[] = COMMAND_ROWS.filter(isDenied);

const BY_NAME = new Map(COMMAND_ROWS.flatMap((row) => row.names.map((name) => [name, row])));

/** The row of a command: its own, else that of the command it is a subcommand of, else that of its family.
 * `name` is in upper case, a subcommand behind a space. */
export function rowOf(name: string): CommandRow | undefined {
  const [command = ''] = name.split(' ');
  const family = `${command.split('.')[0]}.*`;
  return BY_NAME.get(name) ?? BY_NAME.get(command) ?? BY_NAME.get(family);
}

function isDenied(row: CommandRow): row is DeniedRow {
  return row.denied !== undefined;
}
