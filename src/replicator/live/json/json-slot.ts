// A place in a document: the document itself, a member of an object, or an element of an array. It holds every
// value that was put there and that nobody replaced or removed having seen it; it shows the one of the smallest
// replica id. Numbers have increments beside them.

import { addDecimals, isInteger } from '../../../model/decimal.ts';
import { observed } from '../../../model/op.ts';
import { isNewer } from '../cell.ts';
import type { LiveOp } from '../live-op.ts';
import { JsonNode } from './json-node.ts';
import { kindOf } from './json-text.ts';

const NOTHING_HELD_BACK: ReadonlySet<LiveOp> = new Set();

interface Increment {
  readonly op: LiveOp;
  readonly delta: string;
  /** What it gave at its origin, where that is no integer. */
  readonly result: string | undefined;
  /** The value that it was added to at its origin. */
  readonly on: JsonNode | undefined;
}

export class JsonSlot {
  values: JsonNode[] = [];
  increments: Increment[] = [];
  /** What the engine shows, while commands for the engine are worked out. */
  shownNode: JsonNode | undefined;
  shownText: string | undefined;

  /** `op` put the value there, itself or as part of a larger one; undefined: everybody has it. */
  static of(text: string, op: LiveOp | undefined): JsonSlot {
    const slot = new JsonSlot();
    slot.values.push(new JsonNode(text, op));
    return slot;
  }

  /** Something was there that is gone, and nobody here knows what it was. */
  static ofGhost(): JsonSlot {
    const slot = new JsonSlot();
    slot.values.push(new JsonNode(undefined, undefined));
    return slot;
  }

  /** The value that `reader` saw. */
  seenBy(reader: LiveOp): JsonNode | undefined {
    return first(this.values.filter((value) => value.isVisibleTo(reader)));
  }

  winner(heldBack: ReadonlySet<LiveOp>): JsonNode | undefined {
    return first(this.values.filter((value) => value.isShown(heldBack)));
  }

  assign(op: LiveOp, text: string): void {
    this.removeObserved(op);
    this.values.push(new JsonNode(text, op));
  }

  /** What `op` had observed of this place is gone. */
  removeObserved(op: LiveOp): void {
    for (const value of this.values) if (value.isKnownTo(op)) value.removals.push(op);
    this.increments = this.increments.filter((i) => !observed(op, i.op));
  }

  add(op: LiveOp, delta: string, result: string | undefined): void {
    this.increments.push({ op, delta, result, on: this.seenBy(op) });
  }

  /** What clients read there; undefined: nothing. */
  text(heldBack: ReadonlySet<LiveOp>): string | undefined {
    const winner = this.winner(heldBack);
    return winner === undefined || winner.isGhost ? undefined : this.#textOf(winner, heldBack);
  }

  #textOf(winner: JsonNode, heldBack: ReadonlySet<LiveOp>): string {
    const text = winner.render(heldBack);
    if (this.increments.length === 0 || kindOf(text) !== 'number') return text;
    return sumOf(winner, text, this.increments);
  }

  /** The text, when nothing of this place can still change because of what somebody has not seen. */
  plainText(stable: (op: LiveOp) => boolean): string | undefined {
    const [value, other] = this.values;
    if (value === undefined || other !== undefined || this.increments.length > 0) return undefined;
    return value.op === undefined && value.removals.length === 0
      ? value.plainText(stable)
      : undefined;
  }

  /** Everything alive here, and in it. */
  *aliveOps(): Generator<LiveOp> {
    for (const { op } of this.increments) yield op;
    for (const value of this.values) if (value.removals.length === 0) yield* value.aliveOps();
  }

  // --- what the engine shows ----------------------------------------------------------------------

  markShown(heldBack: ReadonlySet<LiveOp>): void {
    const winner = this.winner(heldBack);
    this.shownNode = winner;
    for (const value of this.values) value.wasShown = value === winner;
    this.shownText = winner?.isScalar === true ? this.#textOf(winner, heldBack) : undefined;
    winner?.markShown(heldBack);
  }

  markHidden(): void {
    this.shownNode = undefined;
    this.shownText = undefined;
  }

  // --- forgetting ---------------------------------------------------------------------------------

  prune(stable: (op: LiveOp) => boolean): void {
    this.values = this.values.filter((value) => !value.removals.some(stable));
    for (const value of this.values) value.prune(stable);
    // A stable value may still beat one that is not, and needs the increments that stand on it.
    const isSettled = this.values.every((v) => v.removals.length === 0 && v.isStable(stable));
    if (!isSettled) return;
    const winner = first(this.values);
    this.#foldIncrements(winner, stable);
    if (winner === undefined) return;
    this.values = [winner];
    winner.op = undefined;
  }

  /** Makes what is stable part of the number. A result that did not know of an increment still needs it. */
  #foldIncrements(winner: JsonNode | undefined, stable: (op: LiveOp) => boolean): void {
    if (this.increments.length === 0) return;
    const fresh = this.increments.filter((i) => !stable(i.op));
    const needing = fresh.filter((i) => i.result !== undefined);
    const isFolded = (i: Increment): boolean =>
      stable(i.op) && needing.every((other) => observed(other.op, i.op));
    const folded = this.increments.filter(isFolded);
    if (folded.length === 0) return;
    if (winner?.isScalar === true) {
      const text = winner.render(NOTHING_HELD_BACK);
      if (kindOf(text) === 'number') winner.setText(sumOf(winner, text, folded));
    }
    this.increments = this.increments.filter((i) => !isFolded(i));
  }

  clone(): JsonSlot {
    const copy = new JsonSlot();
    const copies = new Map(this.values.map((value) => [value, value.clone()]));
    copy.values = [...copies.values()];
    copy.increments = this.increments.map((i) => {
      const on = i.on === undefined ? undefined : (copies.get(i.on) ?? i.on);
      return { ...i, on };
    });
    return copy;
  }
}

/** Of values that have not seen each other, the one of the smallest replica id shows. */
function first(values: readonly JsonNode[]): JsonNode | undefined {
  let found: JsonNode | undefined;
  for (const value of values) if (found === undefined || value.rank < found.rank) found = value;
  return found;
}

/** A number and its increments, the same everywhere: integers are exact; of others the newest result at an origin
 * is what the rest is added to. */
function sumOf(value: JsonNode, text: string, increments: readonly Increment[]): string {
  const ordered = [...increments].sort((a, b) => (isNewer(a.op, b.op) ? 1 : -1));
  const results = ordered.filter((i) => i.result !== undefined && i.on === value);
  const newest = results.at(-1);
  if (newest === undefined) {
    if (isInteger(text) && ordered.every((i) => isInteger(i.delta))) return exactSum(text, ordered);
    return added(text, ordered);
  }
  const others = ordered.filter((i) => i !== newest && !observed(newest.op, i.op));
  return added(newest.result as string, others);
}

function exactSum(text: string, increments: readonly Increment[]): string {
  let sum: string | undefined = text;
  for (const { delta } of increments) sum = addDecimals(sum ?? '0', delta);
  return sum ?? text;
}

/** As doubles, one after the other: the order is the same everywhere. */
function added(text: string, increments: readonly Increment[]): string {
  if (increments.length === 0) return text;
  let sum = Number(text);
  for (const { delta } of increments) sum += Number(delta);
  return Number.isFinite(sum) ? String(sum) : text;
}
