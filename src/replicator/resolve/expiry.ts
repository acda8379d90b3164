// The commands that make a key's expiry what its live assigns say.

import type { CommandWriter } from '../../resp/command-writer.ts';
import type { CellTable } from '../live/cells.ts';

/**
 * An expiry that lies behind the local clock, because it took long to get here or the clocks differ, would
 * make the engine remove the key at once, in the middle of a batch. One that is due within
 * `EXPIRY_DUE_MS` is set `EXPIRY_MARGIN_MS` ahead instead: mostly the origin's own DEL comes first.
 */
const EXPIRY_DUE_MS = 100;
const EXPIRY_MARGIN_MS = 1000;

/** The expiry to set for one that was assigned, at this time; both in ms. */
export function settableExpiry(expiry: number, nowMs: number): number {
  return expiry < nowMs + EXPIRY_DUE_MS ? Math.ceil(nowMs + EXPIRY_MARGIN_MS) : expiry;
}

/** Sets an expiry that waited for the key to have a value again. */
export function writeDueExpiry(
  key: string,
  table: CellTable,
  out: CommandWriter,
  nowMs: number,
): void {
  if (!table.expiryDue || table.visibleClass() === undefined) return;
  table.expiryDue = false;
  writeExpiry(key, undefined, table, out, nowMs);
}

/** Sets the expiry that the live assigns say, when that is not what the engine shows. */
export function writeExpiry(
  key: string,
  shown: number | undefined,
  table: CellTable,
  out: CommandWriter,
  nowMs: number,
): void {
  const target = table.expiryTarget();
  if (target === undefined || target === shown) return;
  if (target === Number.POSITIVE_INFINITY) out.command(['PERSIST', key]);
  else out.command(['PEXPIREAT', key, String(settableExpiry(target, nowMs))]);
}

/** Makes the engine show the expiry that the live assigns say, whatever it shows. */
export function writeSettledExpiry(
  key: string,
  table: CellTable,
  out: CommandWriter,
  nowMs: number,
): void {
  if (table.expiryTarget() !== undefined) writeExpiry(key, undefined, table, out, nowMs);
  else if (table.isExpiryComplete) out.command(['PERSIST', key]);
}
