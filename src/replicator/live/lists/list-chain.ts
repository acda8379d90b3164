// The nodes of a list from head to tail, linked, so that a walk can go on while nodes come and go.

import { ListNode } from './list-node.ts';

export class ListChain {
  head: ListNode | undefined;
  tail: ListNode | undefined;

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
