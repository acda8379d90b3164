// How far from an end of a list everything is gone for good, in the eyes of a member: what one of its ops had seen
// removed no later one sees. Pops begin behind that, however many removed elements have to be kept.

import type { Slot } from '../../../model/version-vector.ts';
import type { ListNode } from './list-node.ts';

export type End = 'head' | 'tail';

export class PassedNodes {
  /** Per slot the last such node. */
  #passed: Record<End, (ListNode | undefined)[]> = { head: [], tail: [] };

  from(end: End, origin: Slot): ListNode | undefined {
    return this.#passed[end][origin];
  }

  pass(end: End, origin: Slot, node: ListNode | undefined): void {
    this.#passed[end][origin] = node;
  }

  /** A node was put nearer to the end than all of them. */
  forgetEnd(end: End): void {
    if (this.#passed[end].length > 0) this.#passed[end] = [];
  }

  /** A node was put on either side of this one. */
  forgetNode(node: ListNode): void {
    for (const passed of [this.#passed.head, this.#passed.tail]) {
      for (let slot = 0; slot < passed.length; slot++) {
        if (passed[slot] === node) passed[slot] = undefined;
      }
    }
  }

  forget(): void {
    this.forgetEnd('head');
    this.forgetEnd('tail');
  }
}
