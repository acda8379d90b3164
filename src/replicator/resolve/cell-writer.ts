// The commands for single cells: what the cells of one op ask for, gathered into few commands.

import { isDecimal, isInteger } from '../../model/decimal.ts';
import { OpKind } from '../../model/op.ts';
import type { CommandWriter } from '../../resp/command-writer.ts';
import { type Cell, type CellState, sameState, stateOf } from '../live/cell.ts';
import type { CellTable } from '../live/cells.ts';
import { type CellEffect, effectOf, type ValueClass } from '../live/effect.ts';
import type { LiveOp } from '../live/live-op.ts';
import type { StructuredClass } from '../live/live-value.ts';
import { batched, scoreOf, textOf } from './values.ts';

/** Classes of values that are cells by name. */
export type NamedClass = Exclude<ValueClass, StructuredClass | 'search' | 'library'>;

/** Collects what the cells of one op ask for into few commands. */
export class CellWriter {
  readonly #op: LiveOp;
  readonly #valueClass: NamedClass;
  readonly #table: CellTable;
  readonly #assigns: string[] = [];
  readonly #removes: string[] = [];
  readonly #settled: [string, CellState][] = [];
  #verbatim = false;

  constructor(op: LiveOp, valueClass: NamedClass, table: CellTable) {
    this.#op = op;
    this.#valueClass = valueClass;
    this.#table = table;
  }

  add(effect: CellEffect, before: CellState): void {
    const cell = this.#table.cell(this.#valueClass, effect.name);
    if (effect.increment !== undefined) {
      if (cell !== undefined) this.#addIncrement(effect.name, cell);
      return;
    }
    const state = stateOf(cell);
    if (effect.assign !== undefined && state.winner?.op === this.#op) {
      if (state.increments.length > 0) this.#settled.push([effect.name, state]);
      else if (this.#valueClass === 'hash') this.#assigns.push(effect.name, effect.assign);
      else if (this.#valueClass === 'zset') this.#assigns.push(effect.assign, effect.name);
      else if (this.#valueClass === 'string') this.#verbatim = true;
      else this.#assigns.push(effect.name);
    } else if (state.winner === undefined && state.increments.length === 0) {
      this.#removes.push(effect.name);
    } else if (state.winner === undefined || !sameState(before, state)) {
      this.#settled.push([effect.name, state]);
    }
  }

  flush(out: CommandWriter): void {
    const { key } = this.#op;
    if (this.#verbatim) this.#writeOwnCommand(out);
    const [assign, remove] = COMMANDS[this.#valueClass];
    const step = this.#valueClass === 'set' ? 1 : 2;
    for (const args of batched([assign, key], this.#assigns, step)) out.command(args);
    for (const args of batched([remove, key], this.#removes, 1)) out.command(args);
    for (const [name, state] of this.#settled) writeCell(key, this.#valueClass, name, state, out);
  }

  /** INCRBY would be refused by a value that a concurrent op has given a fraction. */
  #writeOwnCommand(out: CommandWriter): void {
    const op = this.#op;
    const cell = this.#table.cell(this.#valueClass, '');
    const base = cell?.winner?.assign;
    const fractional = cell?.isInexact === true || (base !== undefined && !isInteger(base));
    if (op.kind !== OpKind.incr || !fractional) {
      out.raw(op.buffer, op.rawAt, op.rawEnd);
      return;
    }
    const delta = effectOf(op).cells[0]?.increment as string;
    out.command(['INCRBYFLOAT', op.key, delta]);
  }

  /** It adds to what is shown, which is why it needs no WATCH; but not to what is no number. */
  #addIncrement(name: string, cell: Cell): void {
    const base = cell.winner?.assign;
    if (base === undefined || this.#valueClass === 'zset' || isInteger(base)) this.#verbatim = true;
    else if (isDecimal(base) && this.#valueClass === 'string') this.#verbatim = true;
    else if (isDecimal(base)) this.#settled.push([name, stateOf(cell)]);
  }
}

/** What assigns cells of a class, and what removes them. */
export const COMMANDS: Record<NamedClass, readonly [string, string]> = {
  string: ['SET', 'UNLINK'],
  hash: ['HSET', 'HDEL'],
  set: ['SADD', 'SREM'],
  zset: ['ZADD', 'ZREM'],
  opaque: ['RESTORE', 'UNLINK'],
};

/** Makes one cell show its state, from whatever it shows. */
export function writeCell(
  key: string,
  valueClass: ValueClass,
  name: string,
  state: CellState,
  out: CommandWriter,
): void {
  const shown = valueClass === 'zset' ? scoreOf(state) : textOf(state);
  if (shown === undefined) return;
  if (valueClass === 'string' && name !== '') out.command(['SETBIT', key, name, shown]);
  else if (valueClass === 'string') out.command(['SET', key, shown, 'KEEPTTL']);
  else if (valueClass === 'hash') out.command(['HSET', key, name, shown]);
  else if (valueClass === 'zset') out.command(['ZADD', key, shown, name]);
  else if (valueClass === 'set') out.command(['SADD', key, name]);
}
