// The nodes of a list from head to tail, linked, so that a walk can go on while nodes come and go.

import type { LiveOp } from '../live-op.ts';
import { ListNode } from './list-node.ts';

export class ListChain {
  head: ListNode | undefined;
  tail: ListNode | undefined;
  #leftCount = 0;

  /** Nodes that nobody has removed. */
  get leftCount(): number {
    return this.#leftCount;
  }

  /** Those nodes, from both ends: they mostly stand together at one of them. */
  *left(): Generator<ListNode> {
    let count = this.#leftCount;
    let [front, back] = [this.head, this.tail];
    while (count > 0 && front !== undefined && back !== undefined) {
      for (const node of front === back ? [front] : [front, back]) {
        if (node.removals.length > 0) continue;
        count--;
        yield node;
      }
      front = front.next;
      back = back.previous;
    }
  }

  remove(node: ListNode, removal: LiveOp): void {
    if (node.removals.length === 0) this.#leftCount--;
    node.removals.push(removal);
  }

  *nodes(from: 'head' | 'tail' = 'head'): Generator<ListNode> {
    let node = from === 'head' ? this.head : this.tail;
    while (node !== undefined) {
      yield node;
      node = from === 'head' ? node.next : node.previous;
    }
  }

  replace(node: ListNode, by: ListNode): void {
    by.removals = node.removals;
    this.insertAfter(node, by);
    this.unlink(node);
  }

  /** Undefined: in front of all others. */
  insertAfter(place: ListNode | undefined, node: ListNode): void {
    if (node.removals.length === 0) this.#leftCount++;
    const next = place === undefined ? this.head : place.next;
    node.previous = place;
    node.next = next;
    if (place === undefined) this.head = node;
    else place.next = node;
    if (next === undefined) this.tail = node;
    else next.previous = node;
  }

  /** Undefined: behind all others. */
  insertBefore(place: ListNode | undefined, node: ListNode): void {
    this.insertAfter(place === undefined ? this.tail : place.previous, node);
  }

  /** Leaves the node's own links, so that a walk can go on from it. */
  unlink(node: ListNode): void {
    if (node.removals.length === 0) this.#leftCount--;
    const { previous, next } = node;
    if (previous === undefined) this.head = next;
    else previous.next = next;
    if (next === undefined) this.tail = previous;
    else next.previous = previous;
  }

  /** Cuts `count` elements off at one side of a run of the base; returns them. */
  splitAt(node: ListNode, count: number, end: 'head' | 'tail'): ListNode {
    const part = new ListNode('base', count);
    part.removals = node.removals.slice();
    part.wasShown = node.wasShown;
    node.count -= count;
    if (end === 'head') this.insertBefore(node, part);
    else this.insertAfter(node, part);
    return part;
  }
}
