// Writes that meet in a cell: a string, a field, a member; or a whole value over a cell.

import { observed } from '../../../model/op.ts';
import { type Cell, type Contribution, isNewer } from '../cell.ts';
import type { CellTable } from '../cells.ts';
import type { CellEffect, Effect, ValueClass } from '../effect.ts';
import type { LiveOp } from '../live-op.ts';
import { isStructured } from '../structured.ts';
import {
  argumentsOf,
  type Conflict,
  type ConflictPair,
  type ConflictType,
  pairOf,
  type Rule,
  sideOf,
} from './conflict.ts';

/** A cell with contributions that the op had not observed, and what the op does there, if it names it. */
interface MetCell {
  readonly valueClass: ValueClass;
  readonly name: string;
  readonly cell: Cell;
  readonly own: CellEffect | undefined;
}

export function inCells(op: LiveOp, effect: Effect, table: CellTable): Conflict | undefined {
  const { valueClass, coversKey } = effect;
  if (valueClass === undefined && !coversKey) return undefined;
  for (const [metClass, cells] of table.classes) {
    const met = firstUnobserved(op, effect, metClass, cells);
    if (met === undefined) continue;
    if (!contributes(met.own) && (valueClass === metClass || !addsAny(effect))) {
      return overCell(op, effect, met, metClass, 'add survives removal');
    }
    if (valueClass === 'opaque' || metClass === 'opaque') {
      return overCell(op, effect, met, 'opaque', 'newest whole value wins');
    }
    if (valueClass !== metClass) return overCell(op, effect, met, 'mixed', 'newest type shows');
    return overCell(op, effect, met, metClass, ruleInCell(op, met));
  }
  return undefined;
}

/** Whether it gives the key anything, if only something that is not known here. */
export function addsAny({ adds, cells }: Effect): boolean {
  return adds || cells.some((cell) => cell.unknown === true);
}

export function contributes(effect: CellEffect | undefined): boolean {
  if (effect === undefined) return false;
  return effect.assign !== undefined || effect.increment !== undefined || effect.unknown === true;
}

/** What an op wrote to a cell, or to all; undefined where there is nothing to tell but that it is there. */
export function valueIn(
  op: LiveOp,
  valueClass: ValueClass | undefined,
  what: Pick<Contribution, 'assign' | 'increment'> | CellEffect | undefined,
): string | undefined {
  if (op.isUnknown || (valueClass !== undefined && isStructured(valueClass)))
    return argumentsOf(op);
  return valueClass === 'set' ? undefined : (what?.assign ?? what?.increment);
}

function firstUnobserved(
  op: LiveOp,
  effect: Effect,
  valueClass: ValueClass,
  cells: ReadonlyMap<string, Cell>,
): MetCell | undefined {
  const { retains } = effect;
  const isOther = valueClass !== effect.valueClass;
  // What it removes of its own type leaves another type alone.
  if (isOther && !effect.coversKey && !addsAny(effect)) return undefined;
  if (isOther || effect.coversKey || retains !== undefined) {
    for (const [name, cell] of cells) {
      if (!cell.hasUnobserved(op) || (!isOther && retains?.has(name) === true)) continue;
      const own = isOther ? undefined : effect.cells.find((c) => c.name === name);
      return { valueClass, name, cell, own };
    }
    return undefined;
  }
  for (const own of effect.cells) {
    const cell = cells.get(own.name);
    if (cell?.hasUnobserved(op) === true) return { valueClass, name: own.name, cell, own };
  }
  return undefined;
}

function ruleInCell(op: LiveOp, { valueClass, cell, own }: MetCell): Rule {
  if (valueClass === 'set') return 'adds agree';
  if (own?.increment !== undefined) return 'increments add up';
  const meetsAssign = cell.assigns.some((c) => !observed(op, c.op));
  return meetsAssign ? 'newest assign wins' : 'increments add up';
}

function overCell(
  op: LiveOp,
  effect: Effect,
  met: MetCell,
  type: ConflictType,
  rule: Rule,
): Conflict {
  const pair = (withValues: boolean): ConflictPair => {
    const theirs = opponent(op, met);
    const mine = met.own ?? effect.cells.find(contributes);
    const own = sideOf(op, withValues ? valueIn(op, effect.valueClass, mine) : undefined);
    const value = withValues ? valueIn(theirs.op, met.valueClass, theirs) : undefined;
    const wins = rule !== 'add survives removal' && isNewer(op, theirs.op);
    return pairOf(own, sideOf(theirs.op, value), wins, met.name);
  };
  return { type, rule, pair };
}

/** Of the contributions that the op had not observed, the one that matters most to it. */
function opponent(op: LiveOp, { cell, own }: MetCell): Contribution {
  let assign: Contribution | undefined;
  for (const c of cell.assigns) {
    if (observed(op, c.op)) continue;
    if (assign === undefined || isNewer(c.op, assign.op)) assign = c;
  }
  // There may be thousands; the last to come is as good as any.
  const increment = cell.increments.findLast((c) => !observed(op, c.op));
  const found = own?.increment === undefined ? (assign ?? increment) : (increment ?? assign);
  if (found === undefined) throw new Error('assertion failed: the cell holds nothing unobserved');
  return found;
}
