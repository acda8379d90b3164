// One element of a list, or a run of elements that nobody needs to tell apart.

import { observed } from '../../../model/op.ts';
import { isNewer } from '../cell.ts';
import type { LiveOp } from '../live-op.ts';

/** Where an element was put: in front of everything, behind everything, next to another element; `base`
 * is what was there before the live ops. */
export type Zone = 'head' | 'base' | 'tail' | 'inner';

export class ListNode {
  previous: ListNode | undefined;
  next: ListNode | undefined;
  readonly zone: Zone;
  /** The op that put it there; undefined for the base. */
  readonly op: LiveOp | undefined;
  /** Its place among the elements of that op. */
  readonly index: number;
  /** Elements of the run; 1 unless it is of the base. */
  count: number;
  /** Undefined for the base: the engine has it. */
  readonly value: string | undefined;
  /** The element next to which it was inserted. */
  anchor: ListNode | undefined;
  readonly side: 'before' | 'after' | undefined;
  /** The newest LSET. */
  assigned: { readonly op: LiveOp; readonly value: string } | undefined;
  removals: LiveOp[] = [];
  /** What the engine shows of it, while commands for the engine are worked out. */
  wasShown = false;
  shownAssign: LiveOp | undefined;

  constructor(
    zone: Zone,
    count: number,
    op?: LiveOp,
    index = 0,
    value?: string,
    anchor?: ListNode,
    side?: 'before' | 'after',
  ) {
    this.zone = zone;
    this.count = count;
    this.op = op;
    this.index = index;
    this.value = value;
    this.anchor = anchor;
    this.side = side;
  }

  /** What clients read there, as far as live ops tell. */
  get text(): string | undefined {
    return this.assigned?.value ?? this.value;
  }

  /** Whether `reader` saw it when it was executed. */
  isVisibleTo(reader: LiveOp): boolean {
    if (this.op !== undefined && !observed(reader, this.op)) return false;
    for (const removal of this.removals) if (observed(reader, removal)) return false;
    return true;
  }

  /** Whether no later op of the reader's origin will see it. */
  isGoneFor(reader: LiveOp): boolean {
    for (const removal of this.removals) if (observed(reader, removal)) return true;
    return false;
  }

  /** Nobody removed it, or only removals that were held back. */
  isShown(heldBack: ReadonlySet<LiveOp>): boolean {
    if (this.removals.length === 0) return true;
    return heldBack.size > 0 && this.removals.every((removal) => heldBack.has(removal));
  }

  /** The engine shows it otherwise than it should. */
  isChanged(heldBack: ReadonlySet<LiveOp>): boolean {
    const shows = this.isShown(heldBack);
    return shows !== this.wasShown || (shows && this.assigned?.op !== this.shownAssign);
  }

  /** An element that `op` pushed to the same end as this one stands nearer to the middle. */
  isOutside(zone: 'head' | 'tail', op: LiveOp): boolean {
    const root = this.#root();
    return root.zone === zone && root.op !== undefined && isNewer(root.op, op);
  }

  /** The element that was not inserted next to another one. */
  #root(): ListNode {
    let node: ListNode = this;
    while (node.anchor !== undefined) node = node.anchor;
    return node;
  }

  /** The one inserted at `side` of `anchor` that this one belongs to: itself, or what it is next to. */
  branchOf(anchor: ListNode, side: 'before' | 'after'): LiveOp | undefined {
    let node: ListNode = this;
    while (node.anchor !== undefined && node.anchor !== anchor) node = node.anchor;
    return node.anchor === anchor && node.side === side ? node.op : undefined;
  }
}
