// An array as live ops tell about it: an observed-remove set of elements with positions (json-element.ts). Ops
// speak of indexes as their origin saw them. Nothing is kept of what everybody has but its texts, in runs.

import type { LiveOp } from '../live-op.ts';
import { JsonElement, type Side } from './json-element.ts';
import { JsonSlot } from './json-slot.ts';

const NO_TEXTS: string[] = [];
const NOTHING_HELD_BACK: ReadonlySet<LiveOp> = new Set();

/** What an op refers to cannot be told here: elements were removed of which nobody here knows how many. */
export const AMBIGUOUS = Symbol('ambiguous');

export class JsonArray {
  /** Stands before the first element. */
  #start = new JsonElement(NO_TEXTS, 0, undefined);
  #tail: JsonElement = this.#start;
  /** Some element may be doubtful. */
  #mayDoubt = false;

  /** Adds elements behind all others, before any op comes. `op` put the whole array there. */
  append(texts: string[], op: LiveOp | undefined): JsonElement {
    return this.#appendRun(new JsonElement(texts, texts.length, op));
  }

  /** Adds one element behind all others, before any op comes. */
  appendSlot(slot: JsonSlot): JsonElement {
    const element = new JsonElement(NO_TEXTS, 1, undefined);
    element.slot = slot;
    return this.#appendRun(element);
  }

  /** Adds elements that were removed, and whose content nobody here knows; undefined: nor how many. */
  appendGhosts(count: number | undefined): JsonElement {
    if (count === 1) this.#mayDoubt = true;
    return this.#appendRun(new JsonElement(NO_TEXTS, count, undefined));
  }

  #appendRun(element: JsonElement): JsonElement {
    this.#tail.hasRight = true;
    this.#insertAfter(this.#tail, element);
    return element;
  }

  /** From first to last. */
  *elements(): Generator<JsonElement> {
    for (let e = this.#start.next; e !== undefined; e = e.next) yield e;
  }

  // --- what ops refer to --------------------------------------------------------------------------

  /** The element at an index as `reader` saw it, cut out of its run; undefined: there is none. */
  elementAt(reader: LiveOp, at: number): JsonElement | typeof AMBIGUOUS | undefined {
    return this.#isDoubtfulFor(reader) ? AMBIGUOUS : this.#elementAt(reader, at);
  }

  #elementAt(reader: LiveOp, at: number): JsonElement | typeof AMBIGUOUS | undefined {
    const fromEnd = at < 0;
    let left = fromEnd ? -at - 1 : at;
    let element = fromEnd ? this.#tail : this.#start.next;
    while (element !== undefined && element !== this.#start) {
      if (element.isVisibleTo(reader)) {
        if (element.count === undefined) return AMBIGUOUS;
        if (left < element.count) {
          return this.#cutOut(element, fromEnd ? element.count - 1 - left : left);
        }
        left -= element.count;
      }
      element = fromEnd ? element.previous : element.next;
    }
    return undefined;
  }

  /** Whether it cannot be told how many elements `reader` saw before some others. */
  #isDoubtfulFor(reader: LiveOp): boolean {
    if (!this.#mayDoubt) return false;
    let doubtful = 0;
    let others = 0;
    for (const element of this.elements()) {
      if (!element.isVisibleTo(reader)) continue;
      if (element.isDoubtful) doubtful++;
      else others++;
      if (doubtful > 0 && others > 0) return true;
    }
    return doubtful > 1;
  }

  /** How many elements `reader` saw. */
  #lengthFor(reader: LiveOp): number | typeof AMBIGUOUS {
    let length = 0;
    for (const element of this.elements()) {
      if (!element.isVisibleTo(reader)) continue;
      if (element.count === undefined) return AMBIGUOUS;
      length += element.count;
    }
    return length;
  }

  // --- what ops do --------------------------------------------------------------------------------

  /** False: it cannot be told where. */
  insert(op: LiveOp, at: number | 'end', texts: readonly string[]): boolean {
    const before = this.#elementBefore(op, at);
    if (before === AMBIGUOUS) return false;
    let place: JsonElement = before;
    texts.forEach((text, i) => {
      const element = i === 0 ? this.#hang(op, place) : new JsonElement(NO_TEXTS, 1, op, place);
      if (i > 0) this.#insertAfter(place, element);
      element.slot = JsonSlot.of(text, op);
      place = element;
    });
    return true;
  }

  /** False: it cannot be told what. */
  pop(op: LiveOp, at: number): boolean {
    let element = this.elementAt(op, at);
    // An index beyond an end means that end.
    if (element === undefined) element = this.elementAt(op, at < 0 ? 0 : -1);
    if (element === AMBIGUOUS) return false;
    element?.removals.push(op);
    return true;
  }

  /** Removes what lies outside of these indexes. False: it cannot be told what. */
  trim(op: LiveOp, start: number, stop: number): boolean {
    if (this.#isDoubtfulFor(op)) return false;
    if (start < 0 === stop < 0) {
      const fromEnd = start < 0;
      const [nearest, farthest] = fromEnd ? [-1 - stop, -1 - start] : [start, stop];
      const isInside = this.#removePast(op, farthest + 1, fromEnd);
      return this.#removeUpTo(op, nearest, fromEnd) && isInside;
    }
    if (start >= 0) {
      const head = this.#removeUpTo(op, start, false);
      return this.#removeUpTo(op, -1 - stop, true) && head;
    }
    const length = this.#lengthFor(op);
    if (length === AMBIGUOUS) return false;
    return this.trim(op, Math.max(0, length + start), stop);
  }

  /** Removes what nobody can count, as the op must have done. */
  removeUncounted(op: LiveOp): void {
    for (const element of this.elements()) {
      if (element.count === undefined && element.isVisibleTo(op)) element.removals.push(op);
    }
  }

  /** Removes every element that `op` saw. */
  clear(op: LiveOp): void {
    for (const element of this.elements()) {
      if (element.isVisibleTo(op)) element.removals.push(op);
    }
  }

  /** Removes so many elements from an end. False: it cannot be told which. */
  #removeUpTo(op: LiveOp, count: number, fromEnd: boolean): boolean {
    let left = count;
    let element = fromEnd ? this.#tail : this.#start.next;
    while (element !== undefined && element !== this.#start && left > 0) {
      if (element.isVisibleTo(op)) {
        if (element.count === undefined) return false;
        if (element.count > left) element = this.#partOf(element, left, fromEnd);
        element.removals.push(op);
        left -= element.count as number;
      }
      element = fromEnd ? element.previous : element.next;
    }
    return true;
  }

  /** Removes everything but so many elements at an end. False: it cannot be told what. */
  #removePast(op: LiveOp, count: number, fromEnd: boolean): boolean {
    let left = Math.max(0, count);
    let element = fromEnd ? this.#tail : this.#start.next;
    while (element !== undefined && element !== this.#start) {
      if (element.isVisibleTo(op)) {
        if (left > 0) {
          if (element.count === undefined) return false;
          if (element.count > left) element = this.#partOf(element, left, fromEnd);
          left -= element.count as number;
        } else element.removals.push(op);
      }
      element = fromEnd ? element.previous : element.next;
    }
    return true;
  }

  /** Cuts so many elements off a run, at one of its ends; returns them. */
  #partOf(run: JsonElement, count: number, atEnd: boolean): JsonElement {
    if (!atEnd) return this.#splitAt(run, count);
    this.#splitAt(run, (run.count as number) - count);
    return run;
  }

  /** The element behind which `op` inserts: one alone, or the start. */
  #elementBefore(op: LiveOp, at: number | 'end'): JsonElement | typeof AMBIGUOUS {
    if (at === 0) return this.#start;
    if (at === 'end') return this.#lastVisibleTo(op);
    // An index from the end names the element that will be behind it.
    const element = this.elementAt(op, at - 1);
    if (element !== undefined) return element;
    return at < 0 ? this.#start : this.#lastVisibleTo(op);
  }

  #lastVisibleTo(op: LiveOp): JsonElement {
    for (let e = this.#tail; e !== this.#start; e = e.previous as JsonElement) {
      if (!e.isVisibleTo(op)) continue;
      return e.count === undefined ? e : this.#cutOut(e, e.count - 1);
    }
    return this.#start;
  }

  /** Makes an element of `op` that stands right behind `before`, and puts it into its place. */
  #hang(op: LiveOp, before: JsonElement): JsonElement {
    let behind = before.next;
    while (behind !== undefined && !behind.isKnownTo(op)) behind = behind.next;
    const isTaken =
      before.hasRight || (behind !== undefined && behind.branchOf(before, 'right') !== undefined);
    if (behind === undefined || !isTaken) return this.#hangFrom(op, before, 'right');
    const anchor = behind.count === undefined ? behind : this.#cutOut(behind, 0);
    return this.#hangFrom(op, anchor, 'left');
  }

  #hangFrom(op: LiveOp, anchor: JsonElement, side: Side): JsonElement {
    const element = new JsonElement(NO_TEXTS, 1, op, anchor, side);
    let place = anchor;
    if (side === 'right') {
      for (let e = anchor.next; e !== undefined; e = e.next) {
        const branch = e.branchOf(anchor, 'right');
        if (branch === undefined || element.isBefore(branch)) break;
        place = e;
      }
      this.#insertAfter(place, element);
    } else {
      for (
        let e = anchor.previous as JsonElement;
        e !== this.#start;
        e = e.previous as JsonElement
      ) {
        const branch = e.branchOf(anchor, 'left');
        if (branch === undefined || !element.isBefore(branch)) break;
        place = e;
      }
      this.#insertAfter(place.previous as JsonElement, element);
    }
    return element;
  }

  // --- runs ---------------------------------------------------------------------------------------

  /** Cuts one element out of a run, and gives it a slot. */
  #cutOut(run: JsonElement, offset: number): JsonElement {
    let element = run;
    if (offset > 0) element = this.#splitAt(element, offset).next as JsonElement;
    if ((element.count as number) > 1) element = this.#splitAt(element, 1);
    if (element.slot === undefined) {
      const [text] = element.texts;
      element.slot = text === undefined ? JsonSlot.ofGhost() : JsonSlot.of(text, element.op);
      if (element.wasShown) element.slot.markShown(NOTHING_HELD_BACK);
      element.texts = NO_TEXTS;
    }
    return element;
  }

  /** Cuts the first `count` elements off a run; returns them. What stays hangs to their right. */
  #splitAt(run: JsonElement, count: number): JsonElement {
    const part = new JsonElement(run.texts.slice(0, count), count, run.op);
    part.removals = run.removals.slice();
    part.wasShown = run.wasShown;
    part.hasRight = true;
    run.texts = run.texts.slice(count);
    run.count = (run.count as number) - count;
    this.#insertAfter(run.previous as JsonElement, part);
    return part;
  }

  // --- forgetting ---------------------------------------------------------------------------------

  /** Forgets what is stable. */
  prune(stable: (op: LiveOp) => boolean): void {
    for (const element of this.elements()) {
      element.slot?.prune(stable);
      if (element.op === undefined || !stable(element.op)) continue;
      if (element.parent !== undefined && element.side === 'right') element.parent.hasRight = true;
      element.op = undefined;
      element.parent = undefined;
    }
    this.#dropRemoved(stable);
    this.#joinRuns(stable);
  }

  /** Beside what somebody may not have seen yet, elements that are gone still tell where that belongs. */
  #dropRemoved(stable: (op: LiveOp) => boolean): void {
    let gone: JsonElement[] = [];
    let isNeeded = false;
    const drop = (): void => {
      if (!isNeeded) for (const element of gone) this.#unlink(element);
      gone = [];
      isNeeded = false;
    };
    for (const element of this.elements()) {
      if (element.op !== undefined) isNeeded = true;
      else if (element.removals.some(stable)) gone.push(element);
      else drop();
    }
    drop();
  }

  #joinRuns(stable: (op: LiveOp) => boolean): void {
    const pinned = new Set<JsonElement>();
    for (const { parent } of this.elements()) if (parent !== undefined) pinned.add(parent);
    for (const element of this.elements()) {
      if (element.op !== undefined || element.removals.length > 0 || pinned.has(element)) continue;
      const text = element.slot?.plainText(stable);
      if (element.slot !== undefined && text === undefined) continue;
      if (text !== undefined) {
        element.slot = undefined;
        element.texts = [text];
      }
      const before = element.previous as JsonElement;
      const joins = before !== this.#start && before.slot === undefined && !pinned.has(before);
      if (!joins || before.op !== undefined || before.removals.length > 0) continue;
      if (before.texts.length !== before.count || element.texts.length !== element.count) continue;
      element.texts = [...before.texts, ...element.texts];
      element.count = element.texts.length;
      this.#unlink(before);
    }
  }

  clone(): JsonArray {
    const copy = new JsonArray();
    copy.#start.hasRight = this.#start.hasRight;
    copy.#mayDoubt = this.#mayDoubt;
    const copies = new Map<JsonElement, JsonElement>([[this.#start, copy.#start]]);
    for (const element of this.elements()) {
      const { texts, count, op, side } = element;
      const twin = new JsonElement(texts, count, op, undefined, side);
      twin.slot = element.slot?.clone();
      twin.hasRight = element.hasRight;
      twin.removals = element.removals.slice();
      twin.wasShown = element.wasShown;
      twin.isDoubtful = element.isDoubtful;
      copies.set(element, twin);
      copy.#insertAfter(copy.#tail, twin);
    }
    // What an element hangs from may stand behind it.
    for (const [element, twin] of copies) {
      if (element.parent !== undefined) twin.parent = copies.get(element.parent);
    }
    return copy;
  }

  // --- links --------------------------------------------------------------------------------------

  #insertAfter(place: JsonElement, element: JsonElement): void {
    element.previous = place;
    element.next = place.next;
    if (place.next === undefined) this.#tail = element;
    else place.next.previous = element;
    place.next = element;
  }

  /** Leaves the element's own links, so that a walk can go on from it. */
  #unlink(element: JsonElement): void {
    const previous = element.previous as JsonElement;
    previous.next = element.next;
    if (element.next === undefined) this.#tail = previous;
    else element.next.previous = previous;
  }
}
