// The commands that make an engine show what a set of live contributions says. Pure: contributions in,
// commands out.

import { addDecimals, INT64_MAX, INT64_MIN, isDecimal, isInteger } from '../../model/decimal.ts';
import type { CellState } from '../live/cell.ts';
import { stateOf } from '../live/cell.ts';
import type { CellTable } from '../live/cells.ts';
import type { ValueClass } from '../live/effect.ts';
import { isTangled } from '../live/tangle.ts';
import { fieldExpiryCommands } from './field-expiry-writer.ts';
import { type EngineCommand, unionCommands } from './hyperloglog-writer.ts';
import { streamCommands } from './stream-writer.ts';

/** Keeps a sum within what the engine can hold; it clamps the same way in every region. */
export function clampInteger(value: bigint): string {
  if (value > INT64_MAX) return INT64_MAX.toString();
  if (value < INT64_MIN) return INT64_MIN.toString();
  return value.toString();
}

/** A number with all increments added; undefined when the base is no number. */
function addedUp(base: string, state: CellState): string | undefined {
  let sum: string | undefined = '0';
  for (const { increment } of state.increments) {
    sum = sum === undefined ? undefined : addDecimals(sum, increment as string);
  }
  if (sum === undefined) return undefined;
  if (isInteger(base) && !sum.includes('.')) return clampInteger(BigInt(base) + BigInt(sum));
  return isDecimal(base) ? addDecimals(base, sum) : undefined;
}

/** The text that a string or a hash field shows; undefined when it shows nothing. */
export function textOf(state: CellState): string | undefined {
  const { winner, increments } = state;
  if (winner === undefined) return increments.length > 0 ? addedUp('0', state) : undefined;
  if (winner.assign === undefined || increments.length === 0) return winner.assign;
  return addedUp(winner.assign, state) ?? winner.assign;
}

/** The score that a member shows, as the text of a double; undefined when it shows nothing. */
export function scoreOf(state: CellState): string | undefined {
  const { winner, increments } = state;
  if (winner === undefined && increments.length === 0) return undefined;
  let score = winner === undefined ? 0 : parseScore(winner.assign as string);
  for (const { increment } of increments) {
    const sum = score + parseScore(increment as string);
    // inf and -inf met: the engine would refuse; every region shows 0.
    score = Number.isNaN(sum) ? 0 : sum;
  }
  return increments.length === 0 && winner !== undefined
    ? (winner.assign as string)
    : formatScore(score);
}

export function parseScore(text: string): number {
  const lower = text.toLowerCase();
  if (lower === 'inf' || lower === '+inf' || lower === 'infinity' || lower === '+infinity') {
    return Number.POSITIVE_INFINITY;
  }
  if (lower === '-inf' || lower === '-infinity') return Number.NEGATIVE_INFINITY;
  return Number(text);
}

/** A double as a text that the engine reads back to the same double. */
export function formatScore(score: number): string {
  if (score === Number.POSITIVE_INFINITY) return 'inf';
  if (score === Number.NEGATIVE_INFINITY) return '-inf';
  return String(score);
}

/** The commands that build the whole value of one class from its contributions, from nothing.
 * Undefined when it cannot be built: only its origin knows the value. */
export function buildCommands(
  key: string,
  table: CellTable,
  valueClass: ValueClass,
  nowMs: number,
): EngineCommand[] | undefined {
  if (valueClass === 'list') return pushesOf(key, table);
  if (valueClass === 'json') {
    const text = table.json?.text(table.heldBackRemovals);
    return text === undefined ? undefined : [['JSON.SET', key, '$', text]];
  }
  if (valueClass === 'string') return stringCommands(key, table);
  if (valueClass === 'hyperloglog') return (table.hyperLogLog?.ops ?? []).flatMap(unionCommands);
  if (valueClass === 'stream') {
    return table.stream === undefined ? [] : streamCommands(key, table.stream);
  }
  const cells = table.classes.get(valueClass);
  if (cells === undefined) return [];
  if (valueClass === 'opaque') {
    const newest = table.opaque;
    return newest?.assign === undefined
      ? undefined
      : [['RESTORE', key, '0', newest.assign, 'REPLACE']];
  }
  if (valueClass === 'set') return batched(['SADD', key], [...cells.keys()], 1);
  const pairs: string[] = [];
  for (const [name, cell] of cells) {
    const state = stateOf(cell);
    const shown = valueClass === 'zset' ? scoreOf(state) : textOf(state);
    if (shown === undefined) continue;
    if (valueClass === 'zset') pairs.push(shown, name);
    else pairs.push(name, shown);
  }
  const commands: EngineCommand[] = batched(
    [valueClass === 'zset' ? 'ZADD' : 'HSET', key],
    pairs,
    2,
  );
  return valueClass === 'hash'
    ? [...commands, ...fieldExpiryCommands(key, table, nowMs)]
    : commands;
}

/** Undefined when what the newest write stands on is known only where it was made. */
function stringCommands(key: string, table: CellTable): EngineCommand[] | undefined {
  if (isTangled(table) && table.holdsUnknown) return undefined;
  const text = textOf(stateOf(table.cell('string', '')));
  const commands = text === undefined ? [] : [['SET', key, text]];
  return [...commands, ...bitCommands(key, table)];
}

/** The bits that lie on top of a string's text. */
export function bitCommands(key: string, table: CellTable): EngineCommand[] {
  const commands: EngineCommand[] = [];
  for (const [name, cell] of table.classes.get('string') ?? []) {
    const bit = name === '' ? undefined : cell.winner?.assign;
    if (bit !== undefined) commands.push(['SETBIT', key, name, bit]);
  }
  return commands;
}

/** Undefined when elements are there that only the engine knows. */
function pushesOf(key: string, table: CellTable): EngineCommand[] | undefined {
  if (table.list?.isOpen !== false) return undefined;
  const values: string[] = [];
  for (const node of table.list.nodes()) {
    if (!node.isShown(table.heldBackRemovals)) continue;
    if (node.text === undefined) return undefined;
    values.push(node.text);
  }
  return batched(['RPUSH', key], values, 1);
}

/** Splits long argument lists, in whole groups of `step`. */
export function batched(
  head: readonly string[],
  args: readonly string[],
  step: number,
): string[][] {
  const commands: string[][] = [];
  const size = ARGUMENTS_MAX - (ARGUMENTS_MAX % step);
  for (let i = 0; i < args.length; i += size) {
    commands.push([...head, ...args.slice(i, i + size)]);
  }
  return commands;
}

/** Lua's unpack and the engine's event loop both dislike longer ones. */
const ARGUMENTS_MAX = 1000;
