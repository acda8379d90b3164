// The commands that add to a HyperLogLog. Another one's registers can only be merged from a key, so its value is
// put into a temporary key beside it. That key exists only within the transaction, or the script, that
// these commands are part of.

import { OpKind } from '../../model/op.ts';
import type { CommandWriter } from '../../resp/command-writer.ts';
import type { CellTable } from '../live/cells.ts';
import type { LiveOp } from '../live/live-op.ts';
import { temporaryKeyBeside } from './temporary-key.ts';

/** A command as latin1 arguments. */
export type EngineCommand = readonly string[];

export function unionCommands(op: LiveOp): EngineCommand[] {
  const args = op.args();
  if (op.kind === OpKind.pfadd) return [args];
  const temporary = temporaryKeyBeside(op.key);
  // What the replicator removes says UNLINK: a DEL in its echo is an expired key.
  return [
    ['SET', temporary, args[2] as string],
    ['PFMERGE', op.key, temporary],
    ['UNLINK', temporary],
  ];
}

export function writeUnion(op: LiveOp, out: CommandWriter): void {
  if (op.kind === OpKind.pfadd) out.raw(op.buffer, op.rawAt, op.rawEnd);
  else for (const command of unionCommands(op)) out.command(command);
}

/** Writes every live union, which changes nothing where it is there already. */
export function writeUnions(table: CellTable, out: CommandWriter): void {
  for (const op of table.hyperLogLog?.ops ?? []) writeUnion(op, out);
}
