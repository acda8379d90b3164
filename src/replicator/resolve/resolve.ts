// What the engine must do so that its value equals the merge of all ops delivered, the one at hand
// included. Pure: (op, live ops of its key, the time) -> commands. No I/O.
//
// No live op that the new one had not observed: its own command, verbatim. Otherwise the type's rule
// (docs/semantics.md), cell by cell: only cells that the op touches are looked at, except when it covers
// the key as a whole or when the key changes its type.

import { isOutsideKind, JSON_KINDS, OpFlag, OpKind, observed } from '../../model/op.ts';
import type { CommandWriter } from '../../resp/command-writer.ts';
import { type CellState, EMPTY_STATE, sameState, stateOf } from '../live/cell.ts';
import type { CellTable } from '../live/cells.ts';
import { type CellEffect, type Effect, effectOf } from '../live/effect.ts';
import type { KeyEntry } from '../live/key-entry.ts';
import type { LiveOp } from '../live/live-op.ts';
import type { StructuredClass } from '../live/live-value.ts';
import { isStructured } from '../live/structured.ts';
import { isTangled } from '../live/tangle.ts';
import { CellWriter, type NamedClass, writeCell } from './cell-writer.ts';
import { settableExpiry, writeDueExpiry, writeExpiry, writeSettledExpiry } from './expiry.ts';
import { writeFieldExpiries } from './field-expiry-writer.ts';
import { writeUnion, writeUnions } from './hyperloglog-writer.ts';
import { writeJsonOp } from './json-writer.ts';
import { resolveLibraries, writeLibraryOp } from './library-writer.ts';
import { writeListOp } from './list-writer.ts';
import { markShown, rebuild, writeAnew } from './rebuild.ts';
import { REMOVE_COLLECTION_SCRIPT, REMOVE_HYPERLOGLOG_SCRIPT, RETAIN_SCRIPT } from './scripts.ts';
import { resolveSearch, writeSearchOp } from './search-writer.ts';
import { needsStreamScript, writeDone, writeStreamOp } from './stream-writer.ts';
import { bitCommands } from './values.ts';

/** Writes the op's own command: nothing concurrent is alive on its key. */
export function writeVerbatim(op: LiveOp, out: CommandWriter, nowMs: number): void {
  if (op.kind === OpKind.zretain) {
    out.command(['EVAL', RETAIN_SCRIPT, '1', op.key, ...op.args().slice(2)]);
  } else if (op.kind === OpKind.del) {
    // Expiry says DEL in the stream; what the replicator removes says UNLINK, so the echo tells them apart.
    out.command(['UNLINK', op.key]);
  } else if (op.kind === OpKind.lremAt || op.kind === OpKind.linsertAt) {
    writeListOp(op, out);
  } else if (op.kind === OpKind.libraries) {
    writeLibraryOp(op, out);
  } else if (isOutsideKind(op.kind)) {
    writeSearchOp(op, out);
  } else if (JSON_KINDS.has(op.kind)) {
    writeJsonOp(op, out);
  } else if (op.kind === OpKind.pfmerge) {
    // It says what the key is, also where its origin had it so in spite of an op of another type.
    out.command(['EVAL', REMOVE_COLLECTION_SCRIPT, '1', op.key]);
    writeUnion(op, out);
  } else if (needsStreamScript(op)) {
    writeStreamOp(op, out);
  } else if (setsExpiry(op)) {
    out.command(withSettableExpiry(op.args(), nowMs));
  } else if (op.kind === OpKind.set) {
    out.set(op.buffer, op.rawAt, op.rawEnd);
  } else {
    out.raw(op.buffer, op.rawAt, op.rawEnd);
  }
}

function setsExpiry(op: LiveOp): boolean {
  return WITH_EXPIRY.has(op.kind) || op.setsItsExpiry;
}

/** Kinds whose second argument is a time, if it is a number. */
const WITH_EXPIRY: ReadonlySet<OpKind> = new Set([OpKind.expire, OpKind.restore, OpKind.hexpire]);

function withSettableExpiry(args: string[], nowMs: number): string[] {
  const at = (args[0] as string).toUpperCase() === 'SET' ? 4 : 2;
  const expiry = Number(args[at] ?? 0);
  if (expiry > 0) args[at] = String(settableExpiry(expiry, nowMs));
  return args;
}

/** Integrates `op` into `entry` (a fork, never the index itself) and writes what its engine must do. */
export function resolve(op: LiveOp, entry: KeyEntry, out: CommandWriter, nowMs: number): void {
  const causal = entry.isObservedBy(op);
  const table = entry.expand();
  const effect = effectOf(op);
  const wasHeldBack = table.heldBack;
  // Where the key was gone, its expiry is gone too.
  const wasGone = table.expiry.length > 0 && table.visibleClass() === undefined;
  if (effect.valueClass !== undefined && isStructured(effect.valueClass)) {
    resolveStructured(op, effect, effect.valueClass, table, out, nowMs);
  } else if (causal && !table.showsOther(op, effect)) {
    writeVerbatim(op, out, nowMs);
    table.integrate(op, effect);
  } else if (effect.valueClass === 'library') {
    resolveLibraries(op, effect, table, out);
  } else if (effect.valueClass === 'search') {
    resolveSearch(op, effect, table, out);
  } else if (effect.coversKey) {
    resolveWholeKey(op, effect, table, out, nowMs);
  } else if (effect.valueClass !== undefined && !isStructured(effect.valueClass)) {
    resolveCells(op, effect, effect.valueClass, table, out, nowMs);
  } else if ((op.flags & OpFlag.rounded) !== 0) {
    table.integrate(op, effect);
  } else {
    table.integrate(op, effect);
    // Even when an equal one is alive: the key may have been gone here meanwhile, and its expiry with it. One that is
    // only stated again may have been removed, with what it had observed.
    writeSettledExpiry(op.key, table, out, nowMs);
  }
  entry.noteHead(op);
  if (wasGone) table.expiryDue = true;
  if (effect.coversKey) markShown(table);
  // Elements are not written yet.
  if (effect.valueClass === undefined || !isStructured(effect.valueClass)) {
    writeDueExpiry(op.key, table, out, nowMs);
  }
  // What protected the key is gone: the DEL that was held back takes effect after all.
  if (wasHeldBack && !table.heldBack) {
    writeAnew(op.key, table, out, nowMs);
    writeExpiry(op.key, undefined, table, out, nowMs);
  }
}

/** Integrates an op whose own command was written, because nothing was known that it does not say itself. */
export function integrateVerbatim(op: LiveOp, entry: KeyEntry): void {
  const table = entry.expand();
  const effect = effectOf(op);
  table.integrate(op, effect);
  entry.noteHead(op);
  if (effect.coversKey) markShown(table);
}

/** What stands in a list, a stream or a document is written at the end of the batch, all at once
 * (list-writer.ts, stream-writer.ts, json-writer.ts). */
function resolveStructured(
  op: LiveOp,
  effect: Effect,
  own: StructuredClass,
  table: CellTable,
  out: CommandWriter,
  nowMs: number,
): void {
  const before = table.visibleClass();
  const isHidden = before !== undefined && before !== own;
  const sizeBefore = isHidden ? table.sizeOf(before) : 0;
  const replacesBase = table.replacesBase(op, effect);
  table.integrate(op, effect);
  if (effect.expiry !== undefined) table.expiryDue = true;
  const visible = table.visibleClass();
  if (!isHidden && !replacesBase && (visible === undefined || visible === own)) {
    if (own === 'hyperloglog' && !table.isBeaten(op)) writeUnion(op, out);
    if (op.kind === OpKind.xdone) writeDone(op, table.stream, out);
    return;
  }
  const isSame = isHidden && visible === before && table.sizeOf(before) === sizeBefore;
  if (isSame && !replacesBase) return;
  if (visible === undefined) out.command(['UNLINK', op.key]);
  else rebuild(op.key, table, visible, true, out, nowMs);
}

function resolveWholeKey(
  op: LiveOp,
  effect: Effect,
  table: CellTable,
  out: CommandWriter,
  nowMs: number,
): void {
  const guarded = table.protectorsAgainst(op).length > 0;
  const before = table.visibleClass();
  const stringBefore = stateOf(table.cell('string', ''));
  const sizeBefore = table.sizeOf('string');
  const timed = Number.isFinite(table.expiryTarget());
  table.integrate(op, effect);
  const visible = table.visibleClass();
  if (guarded) {
    // The member that changed the expiry ships the value anew; until then it stays as it is. Only a
    // HyperLogLog is removed by any DEL, and what is stable of the key is known to the engine alone.
    if (before === undefined || before === 'hyperloglog') {
      out.command(['EVAL', REMOVE_HYPERLOGLOG_SCRIPT, '1', op.key]);
    }
    if (visible === 'hyperloglog') writeUnions(table, out);
    return;
  }
  if (op.kind === OpKind.del) {
    if (visible === undefined) writeVerbatim(op, out, nowMs);
    else rebuild(op.key, table, visible, !op.isReplaced, out, nowMs);
    // A value that survives it loses the expiry that went with it.
    const isEnded = timed && table.expiryTarget() === undefined && !op.isReplaced;
    if (visible === undefined) table.expiryDue = table.expiryTarget() !== undefined;
    else if (isEnded) out.command(['PERSIST', op.key]);
    else writeExpiry(op.key, undefined, table, out, nowMs);
    return;
  }
  const state = stateOf(table.cell('string', ''));
  if (op.kind === OpKind.set && visible === 'string') {
    if (state.winner?.op === op) writeWinningSet(op, state, effect, table, out, nowMs);
    else {
      if (before !== 'string') rebuild(op.key, table, visible, true, out, nowMs);
      else if (!sameState(stringBefore, state) || table.sizeOf('string') !== sizeBefore + 1) {
        writeText(op.key, state, table, out);
      }
      writeExpiry(op.key, undefined, table, out, nowMs);
    }
    return;
  }
  if (visible === 'opaque') {
    const newest = table.opaque;
    const shows = newest?.op === op && newest.assign !== undefined;
    if (shows) writeVerbatim(op, out, nowMs);
    writeExpiry(op.key, shows ? effect.expiry : undefined, table, out, nowMs);
    return;
  }
  if (visible !== undefined) rebuild(op.key, table, visible, true, out, nowMs);
  writeExpiry(op.key, undefined, table, out, nowMs);
}

function writeWinningSet(
  op: LiveOp,
  state: CellState,
  effect: Effect,
  table: CellTable,
  out: CommandWriter,
  nowMs: number,
): void {
  writeVerbatim(op, out, nowMs);
  if (state.increments.length > 0) writeText(op.key, state, table, out);
  else for (const command of bitCommands(op.key, table)) out.command(command);
  if (effect.expiry !== undefined) writeExpiry(op.key, effect.expiry, table, out, nowMs);
}

/** A string's text, and the bits on top of it. */
function writeText(key: string, state: CellState, table: CellTable, out: CommandWriter): void {
  writeCell(key, 'string', '', state, out);
  for (const command of bitCommands(key, table)) out.command(command);
}

function resolveCells(
  op: LiveOp,
  effect: Effect,
  valueClass: NamedClass,
  table: CellTable,
  out: CommandWriter,
  nowMs: number,
): void {
  const visibleBefore = table.visibleClass();
  const opaqueBefore = visibleBefore === 'opaque' ? table.opaque : undefined;
  const isHidden = visibleBefore !== undefined && visibleBefore !== valueClass;
  const sizeBefore = isHidden ? table.sizeOf(visibleBefore) : 0;
  const touched = effect.retains === undefined ? effect.cells : unretained(table, effect.retains);
  // An increment is added to whatever is there.
  const before = touched.map(({ name, increment }) => {
    const isShown =
      increment === undefined && !(valueClass === 'hash' && table.fieldExpiries.isHeld(name));
    return isShown ? stateOf(table.cell(valueClass, name)) : EMPTY_STATE;
  });
  const replacesBase = table.replacesBase(op, effect);
  // Fields whose expiry was changed meanwhile are left as they are: who changed it asserts them.
  const held = valueClass === 'hash' ? table.fieldExpiries.removedUnseen(op, effect) : [];
  const had = new Set(table.fieldExpiries.names);
  const sawString = valueClass === 'string' && hasSeenString(op, table);
  table.integrate(op, effect);
  const visible = table.visibleClass();
  if (replacesBase) {
    if (visible === undefined) out.command(['UNLINK', op.key]);
    else rebuild(op.key, table, visible, true, out, nowMs);
    return;
  }
  // A value without cells that this op had observed stays: its cells stand on it.
  const standsOnOpaque = opaqueBefore !== undefined && observed(op, opaqueBefore.op);
  const switches = isHidden || (visible !== undefined && visible !== visibleBefore);
  if (visibleBefore !== undefined && switches && !standsOnOpaque) {
    // Who writes one type removes what it had observed of another, also where that other one shows.
    const same = visible === visibleBefore && table.sizeOf(visibleBefore) === sizeBefore;
    if (visible === undefined) out.command(['UNLINK', op.key]);
    else if (!same) rebuild(op.key, table, visible, true, out, nowMs);
    return;
  }
  if (visible !== undefined && visible !== valueClass) return;
  if (valueClass === 'string' && isTangled(table)) {
    // What was made of both where the newest was written is going to be asserted; not if this one had seen the others.
    if (sawString) writeVerbatim(op, out, nowMs);
    return;
  }
  if (effect.retains !== undefined) writeRetain(op, effect.retains, touched, table, out);
  const writer = new CellWriter(op, valueClass, table);
  touched.forEach((cell, i) => {
    if (!held.includes(cell.name)) writer.add(cell, before[i] as CellState);
  });
  writer.flush(out);
  if (valueClass !== 'hash' || (had.size === 0 && table.fieldExpiries.isEmpty)) return;
  const names = touched.map((cell) => cell.name).filter((name) => !held.includes(name));
  names.push(...(effect.fieldExpiry?.names ?? []));
  writeFieldExpiries(op.key, names, had, table, out, nowMs);
}

/** Whether an op has observed all that makes up a string, if not its expiry: its own command then does here what it did
 * there. */
function hasSeenString(op: LiveOp, { classes }: CellTable): boolean {
  const cells = [
    ...(classes.get('string')?.values() ?? []),
    ...(classes.get('opaque')?.values() ?? []),
  ];
  return !cells.some((cell) => cell.hasUnobserved(op));
}

function unretained(table: CellTable, keep: ReadonlySet<string>): CellEffect[] {
  const names = [...(table.classes.get('zset')?.keys() ?? [])];
  return names.filter((name) => !keep.has(name)).map((name) => ({ name }));
}

function writeRetain(
  op: LiveOp,
  keep: ReadonlySet<string>,
  touched: readonly CellEffect[],
  table: CellTable,
  out: CommandWriter,
): void {
  const alive = touched.map((c) => c.name).filter((name) => table.cell('zset', name) !== undefined);
  out.command(['EVAL', RETAIN_SCRIPT, '1', op.key, ...keep, ...alive]);
}
