// One element of an array, or a run of elements that nobody looked into.
//
// Positions form a tree (Fugue; Weidner and Kleppmann 2023): an inserted element hangs to the right of the one
// before it, or to the left of the one behind it where the one before has something to its right already.
// Elements that hang from the same place stand in the order of their origins. So what one region inserts stays
// together, and all regions show the same order.

import { observed } from '../../../model/op.ts';
import type { LiveOp } from '../live-op.ts';
import type { JsonSlot } from './json-slot.ts';

export type Side = 'left' | 'right';

export class JsonElement {
  previous: JsonElement | undefined;
  next: JsonElement | undefined;
  /** Of a run: its elements. Empty when they are not known, or when this is one element with a slot. */
  texts: string[];
  /** How many elements; undefined for a run of which that is not known. */
  count: number | undefined;
  /** It may never have been there: a pop may have found nothing. */
  isDoubtful = false;
  /** Of one element: what is in it. */
  slot: JsonSlot | undefined;
  /** The op that put it there; undefined: everybody has it. */
  op: LiveOp | undefined;
  /** What it hangs from; undefined once everybody has it, or had all of its array from the beginning. */
  parent: JsonElement | undefined;
  readonly side: Side;
  /** Something that everybody has hangs to the right of it. */
  hasRight = false;
  removals: LiveOp[] = [];
  /** The engine shows it, while commands for the engine are worked out. */
  wasShown = false;

  constructor(
    texts: string[],
    count: number | undefined,
    op: LiveOp | undefined,
    parent?: JsonElement,
    side: Side = 'right',
  ) {
    this.texts = texts;
    this.count = count;
    this.op = op;
    this.parent = parent;
    this.side = side;
  }

  /** Whether `reader` knew of it when it was executed, removed or not. */
  isKnownTo(reader: LiveOp): boolean {
    return this.op === undefined || this.op === reader || observed(reader, this.op);
  }

  isVisibleTo(reader: LiveOp): boolean {
    if (!this.isKnownTo(reader)) return false;
    return !this.removals.some((removal) => observed(reader, removal));
  }

  /** Nobody removed it, or only removals that were held back. */
  isShown(heldBack: ReadonlySet<LiveOp>): boolean {
    return this.removals.every((removal) => heldBack.has(removal));
  }

  /** The one hanging from `side` of `anchor` that this one belongs to: itself, or what it hangs from. */
  branchOf(anchor: JsonElement, side: Side): JsonElement | undefined {
    let node: JsonElement = this;
    while (node.parent !== undefined && node.parent !== anchor) node = node.parent;
    return node.parent === anchor && node.side === side ? node : undefined;
  }

  /** Whether it stands before another one that hangs from the same place. */
  isBefore(sibling: JsonElement): boolean {
    const [a, b] = [this.op as LiveOp, sibling.op];
    if (b === undefined) return false;
    return a.origin !== b.origin ? a.origin < b.origin : a.seq < b.seq;
  }
}
