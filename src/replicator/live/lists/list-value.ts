// A list as live ops tell about it: an observed-remove set of positioned elements. An element's position is
// given by its own op and never changes: pushes at one end stand in the order of (timestamp, replica), an
// inserted element stands next to its neighbour, the newest first. Nothing is kept of what is stable: the
// base, everything before the live ops, is runs without names, and costs what its gaps cost.
//
// Ops speak of places as their origin saw them. What an origin saw can be told of every element here: a
// stable element was seen by every op that is still to come, others by those that had observed them.
//
// While no two ops on the list were concurrent they are only kept (`isOpen`). To place them the length of
// the list must be known, so it is asked of the engine when the first concurrent op comes.

import { LIST_KINDS, OpKind, observed } from '../../../model/op.ts';
import { isNewer } from '../cell.ts';
import type { LiveOp } from '../live-op.ts';
import type { LiveValue } from '../live-value.ts';
import { ListChain } from './list-chain.ts';
import { ListNode } from './list-node.ts';
import { type ListChange, lengthBefore, listChangeOf, trimmed } from './list-op.ts';
import { type End, PassedNodes } from './passed-nodes.ts';

const NOTHING_HELD_BACK: ReadonlySet<LiveOp> = new Set();

export class ListValue implements LiveValue {
  readonly #chain = new ListChain();
  readonly #passed = new PassedNodes();
  /** Ops that wait for the length; undefined once it is known. */
  #waiting: LiveOp[] | undefined = [];
  /** Per slot the last sequence that wrote to the list. */
  #lastSeqs: number[] = [];
  /** The length before the first op is a guess. */
  #isGuessed = false;
  /** What shows is not told apart at all. */
  #isBlind = false;
  #isDoubtful = false;

  /** The length is not known: see `settle`. */
  get isOpen(): boolean {
    return this.#waiting !== undefined;
  }

  get isAlive(): boolean {
    if (this.#waiting !== undefined) return isWrite(this.#waiting.at(-1));
    return this.#chain.leftCount > 0;
  }

  get newest(): LiveOp | undefined {
    if (this.#waiting !== undefined) return this.#waiting.findLast(isWrite);
    let newest: LiveOp | undefined;
    for (const node of this.#chain.left()) {
      for (const op of [node.op, node.assigned?.op]) {
        if (op !== undefined && (newest === undefined || isNewer(op, newest))) newest = op;
      }
    }
    return newest;
  }

  get size(): number {
    return this.shownLength(NOTHING_HELD_BACK);
  }

  /** Elements that the engine shows. */
  shownLength(heldBack: ReadonlySet<LiveOp>): number {
    let length = 0;
    for (const node of this.nodes()) if (node.isShown(heldBack)) length += node.count;
    return length;
  }

  /** Whether the engine shows something else than it should. */
  isChanged(heldBack: ReadonlySet<LiveOp>): boolean {
    for (const node of this.nodes()) if (node.isChanged(heldBack)) return true;
    return false;
  }

  /** The engine shows what it should, or another type: notes this as what later changes are told from. */
  markShown(heldBack: ReadonlySet<LiveOp> | 'hidden'): void {
    for (const node of this.nodes()) {
      node.wasShown = heldBack !== 'hidden' && node.isShown(heldBack);
      node.shownAssign = node.assigned?.op;
    }
  }

  hasUnobserved(op: LiveOp): boolean {
    return this.#lastSeqs.some(
      (seq, slot) => slot !== op.origin && seq > (op.deps[slot] as number),
    );
  }

  /** The nodes from one end to the other. */
  nodes(from: 'head' | 'tail' = 'head'): Iterable<ListNode> {
    return this.#chain.nodes(from);
  }

  /** The engine shows so many elements, now that all ops so far are in it. */
  settle(shownLength: number): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#replay(waiting, waiting, shownLength);
    this.markShown(NOTHING_HELD_BACK);
  }

  /** An op removed whatever was there before, and nobody knows what that was. */
  beginAfter(removal: LiveOp): void {
    // A key of which others write a list was hardly anything else before a removal; before a SET it was.
    if (removal.kind === OpKind.del) this.#replay([removal], [removal], 0);
    else this.#begin(0);
    this.#isGuessed = true;
  }

  /** What was there is not known, so neither is who wrote what is left: it may be older than another type, or newer. */
  get isBaseGuessed(): boolean {
    return this.#isGuessed;
  }

  /** Whether an op was placed by a guess since this was last asked: others may have placed it elsewhere. */
  takeDoubt(): boolean {
    const isDoubtful = this.#isDoubtful;
    this.#isDoubtful = false;
    return isDoubtful;
  }

  /** Places `ops`; `shownLength` is that after those in `known`. */
  #replay(ops: readonly LiveOp[], known: readonly LiveOp[], shownLength: number): void {
    let length: number | undefined = shownLength;
    // The op before which the length cannot be told, and the length after it.
    let hiding: { op: LiveOp; left: number } | undefined;
    for (const op of known.toReversed()) {
      const left = length ?? 0;
      if (!LIST_KINDS.has(op.kind)) length = op.removesList ? Number(op.args()[2]) : undefined;
      else if (length !== undefined) length = lengthBefore(op, length);
      if (length !== undefined) hiding = undefined;
      else hiding ??= { op, left: LIST_KINDS.has(op.kind) ? left : 0 };
    }
    // In doubt a removed base is endless: rather an element comes back than one is lost.
    this.#begin(hiding === undefined ? Math.max(0, length ?? 0) : Number.POSITIVE_INFINITY);
    this.#isGuessed = hiding !== undefined;
    for (const op of ops) {
      if (op === hiding?.op) this.#placeHiding(op, hiding.left);
      else if (LIST_KINDS.has(op.kind)) this.#place(op);
      else this.removeObserved(op);
    }
    this.#isDoubtful = false;
  }

  /** What an op left of a list of unknown length is told apart from nothing: all of it is a new base. */
  #placeHiding(op: LiveOp, left: number): void {
    this.removeObserved(op);
    if (left <= 0) return;
    let place: ListNode | undefined;
    for (const node of this.nodes()) if (node.zone === 'head') place = node;
    this.#chain.insertAfter(place, new ListNode('base', left));
    this.#passed.forget();
    this.#isBlind = true;
  }

  integrate(op: LiveOp): void {
    this.#lastSeqs[op.origin] = op.seq;
    if (this.#waiting !== undefined) this.#waiting.push(op);
    else this.#place(op);
  }

  removeObserved(op: LiveOp): void {
    if (this.#waiting !== undefined) {
      if (this.#waiting.every((earlier) => observed(op, earlier))) {
        this.#waiting.push(op);
        return;
      }
      // The engine removed an expired key while it carried ops out that the removal had not observed.
      const seen = this.#waiting.filter((earlier) => observed(op, earlier));
      this.#replay(this.#waiting, [...seen, op], 0);
    }
    for (const node of this.nodes()) {
      if (node.op === undefined || observed(op, node.op)) this.#chain.remove(node, op);
    }
  }

  prune(stable: (op: LiveOp) => boolean): number {
    if (this.#waiting !== undefined) {
      this.#waiting = this.#waiting.filter((op) => !stable(op));
      return this.#waiting.length;
    }
    this.#passed.forget();
    const pinned = new Set<ListNode>();
    for (const node of this.nodes()) if (node.anchor !== undefined) pinned.add(node.anchor);
    let kept = 0;
    for (let node = this.#chain.head; node !== undefined; node = node.next) {
      if (node.removals.some(stable)) this.#chain.unlink(node);
      else if (this.#pruneNode(node, stable, pinned)) kept++;
    }
    return kept;
  }

  clone(): ListValue {
    const copy = new ListValue();
    copy.#waiting = this.#waiting?.slice();
    copy.#lastSeqs = [...this.#lastSeqs];
    copy.#isGuessed = this.#isGuessed;
    copy.#isBlind = this.#isBlind;
    copy.#isDoubtful = this.#isDoubtful;
    const twins = new Map<ListNode, ListNode>();
    for (const node of this.nodes()) {
      const { zone, count, op, index, value, anchor, side } = node;
      const twin = new ListNode(zone, count, op, index, value, anchor, side);
      twin.assigned = node.assigned;
      twin.removals = node.removals.slice();
      twins.set(node, twin);
      copy.#chain.insertAfter(copy.#chain.tail, twin);
    }
    // What was inserted before an element stands in front of it; the element may be gone.
    for (const twin of twins.values()) {
      if (twin.anchor !== undefined) twin.anchor = twins.get(twin.anchor) ?? twin.anchor;
    }
    return copy;
  }

  // --- positions ----------------------------------------------------------------------------------

  #begin(baseLength: number): void {
    this.#waiting = undefined;
    if (baseLength > 0) this.#chain.insertAfter(undefined, new ListNode('base', baseLength));
  }

  #place(op: LiveOp): void {
    const change = listChangeOf(op);
    if (this.#isBlind || (this.#isGuessed && change.kind !== 'push')) this.#isDoubtful = true;
    switch (change.kind) {
      case 'push':
        this.#push(op, change);
        break;
      case 'trim':
        this.#removeFromEnd(op, change.head, 'head');
        this.#removeFromEnd(op, change.tail, 'tail');
        break;
      case 'keep':
        this.#keep(op, change.start, change.stop);
        break;
      case 'assign':
        this.#assign(op, change.at, change.value);
        break;
      case 'remove': {
        const nodes = change.at.map((at) => this.#elementAt(op, at));
        for (const node of nodes) if (node !== undefined) this.#chain.remove(node, op);
        break;
      }
      case 'insert':
        this.#insert(op, change);
        break;
    }
  }

  #push(op: LiveOp, { end, values }: ListChange & { kind: 'push' }): void {
    let place = this.#chain[end];
    while (place?.isOutside(end, op)) {
      this.#passed.forgetNode(place);
      place = end === 'tail' ? place.previous : place.next;
    }
    this.#passed.forgetEnd(end);
    values.forEach((value, index) => {
      const node = new ListNode(end, 1, op, index, value);
      if (end === 'tail') this.#chain.insertAfter(place, node);
      else this.#chain.insertBefore(place, node);
      place = node;
    });
  }

  /** LTRIM, on the list as `op` saw it. */
  #keep(op: LiveOp, start: number, stop: number): void {
    let length = 0;
    for (const node of this.nodes()) if (node.isVisibleTo(op)) length += node.count;
    const isEndless = length === Number.POSITIVE_INFINITY;
    // From the end of an endless base nothing can be counted.
    if (isEndless && (start < 0 || stop < 0)) {
      this.removeObserved(op);
      return;
    }
    const { head, tail } = trimmed(isEndless ? stop + 1 : length, start, stop);
    this.#removeFromEnd(op, head, 'head');
    if (!isEndless) this.#removeFromEnd(op, tail, 'tail');
    else this.#removeBehind(op, stop - start + 1);
  }

  #removeBehind(op: LiveOp, kept: number): void {
    let left = kept;
    for (let node = this.#chain.head; node !== undefined; node = node.next) {
      if (!node.isVisibleTo(op)) continue;
      if (left === 0) this.#chain.remove(node, op);
      else if (node.count > left) {
        this.#chain.splitAt(node, left, 'head');
        left = 0;
        this.#chain.remove(node, op);
      } else left -= node.count;
    }
  }

  #removeFromEnd(op: LiveOp, count: number, end: End): void {
    const next = end === 'head' ? 'next' : 'previous';
    let left = count;
    let passed = this.#passed.from(end, op.origin);
    let isPassing = true;
    let node = passed === undefined ? this.#chain[end] : passed[next];
    // What is seen is decided before anything is removed: an op does not see its own removals.
    while (node !== undefined && left > 0) {
      if (node.isVisibleTo(op)) {
        if (node.count > left) node = this.#chain.splitAt(node, left, end);
        this.#chain.remove(node, op);
        left -= node.count;
      } else isPassing &&= node.isGoneFor(op);
      if (isPassing) passed = node;
      node = node[next];
    }
    this.#passed.pass(end, op.origin, passed);
  }

  #assign(op: LiveOp, at: number, value: string): void {
    const node = this.#elementAt(op, at);
    if (node === undefined) return;
    if (node.assigned === undefined || isNewer(op, node.assigned.op)) node.assigned = { op, value };
  }

  #insert(op: LiveOp, { at, side, value }: ListChange & { kind: 'insert' }): void {
    const anchor = this.#elementAt(op, at);
    if (anchor === undefined) return;
    this.#passed.forget();
    const node = new ListNode('inner', 1, op, 0, value, anchor, side);
    const goesOn = (next: ListNode | undefined): next is ListNode => {
      const branch = next?.branchOf(anchor, side);
      return branch !== undefined && isNewer(branch, op);
    };
    let place: ListNode = anchor;
    if (side === 'after') {
      while (goesOn(place.next)) place = place.next;
      this.#chain.insertAfter(place, node);
    } else {
      while (goesOn(place.previous)) place = place.previous;
      this.#chain.insertBefore(place, node);
    }
  }

  /** The element at a place as `op` saw it, cut out of its run. */
  #elementAt(op: LiveOp, at: number): ListNode | undefined {
    const end = at < 0 ? 'tail' : 'head';
    let left = at < 0 ? -at - 1 : at;
    let node = end === 'head' ? this.#chain.head : this.#chain.tail;
    while (node !== undefined) {
      if (node.isVisibleTo(op)) {
        if (left < node.count) return this.#cutOut(node, left, end);
        left -= node.count;
      }
      node = end === 'head' ? node.next : node.previous;
    }
    return undefined;
  }

  #cutOut(node: ListNode, offset: number, end: 'head' | 'tail'): ListNode {
    let rest = node;
    if (offset > 0) {
      const passed = this.#chain.splitAt(rest, offset, end);
      rest = (end === 'head' ? passed.next : passed.previous) as ListNode;
    }
    return rest.count > 1 ? this.#chain.splitAt(rest, 1, end) : rest;
  }

  /** True when the node must be kept apart from the base. */
  #pruneNode(
    node: ListNode,
    stable: (op: LiveOp) => boolean,
    pinned: ReadonlySet<ListNode>,
  ): boolean {
    const isFixed = node.op === undefined || stable(node.op);
    if (!isFixed || pinned.has(node)) return true;
    if (node.assigned !== undefined && !stable(node.assigned.op)) return true;
    if (node.removals.length > 0) {
      if (node.op !== undefined) this.#chain.replace(node, new ListNode('base', 1));
      return true;
    }
    const before = node.previous;
    const joins = before?.zone === 'base' && before.removals.length === 0 && !pinned.has(before);
    if (joins && before.assigned === undefined) {
      before.count += node.count;
      this.#chain.unlink(node);
    } else if (node.op !== undefined || node.assigned !== undefined) {
      this.#chain.replace(node, new ListNode('base', node.count));
    }
    return false;
  }
}

function isWrite(op: LiveOp | undefined): boolean {
  return op !== undefined && LIST_KINDS.has(op.kind);
}
