// Gives memory back that is no longer needed. The runtime collects garbage when it needs room. So one that has
// read its log at a start, or has dropped what it kept for another member, and then has little to do, would
// hold twice of what it uses for hours.
//
// It collects only while nothing happens, as that stops everything for some tens of milliseconds, and only
// what is worth it.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** So many looks in a row must find that nothing was done. */
const QUIET_LOOKS = 2;
/** Beyond what was left the last time. */
const WORTH_BYTES = 16 * 1024 * 1024;
const WORTH_SHARE = 0.25;

export interface MemoryAccess {
  /** What the runtime holds, used or not. */
  heldBytes(): number;
  collect(): void;
}

export class IdleMemory {
  readonly #access: MemoryAccess;
  #leftBytes = 0;
  #work = -1;
  #quiet = 0;

  constructor(access: MemoryAccess = OWN_MEMORY) {
    this.#access = access;
  }

  /** To be called every now and then; `work` is a count that rises with whatever is done. */
  look(work: number): void {
    this.#quiet = work === this.#work ? this.#quiet + 1 : 0;
    this.#work = work;
    if (this.#quiet < QUIET_LOOKS) return;
    const worth = Math.max(WORTH_BYTES, this.#leftBytes * WORTH_SHARE);
    if (this.#access.heldBytes() < this.#leftBytes + worth) return;
    this.#access.collect();
    this.#leftBytes = this.#access.heldBytes();
  }
}

let collector: NodeJS.GCFunction | undefined;

const OWN_MEMORY: MemoryAccess = {
  heldBytes() {
    const { heapTotal, external } = process.memoryUsage();
    return heapTotal + external;
  },
  collect() {
    if (collector === undefined) {
      setFlagsFromString('--expose-gc');
      collector = runInNewContext('gc') as NodeJS.GCFunction;
    }
    collector({ type: 'major', execution: 'sync' });
  },
};
