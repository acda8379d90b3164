// Gives memory back that is no longer needed. The runtime collects garbage when it needs room. So one that has
// read its log at a start, or has dropped what it kept for another member, and then has little to do, would
// hold twice of what it uses for hours.
//
// It collects only while nothing happens, as that stops everything for some tens of milliseconds, and only
// what is worth it.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Held beyond what was left the last time; or released since. */
const WORTH_BYTES = 16 * 1024 * 1024;
const WORTH_SHARE = 0.25;

export interface MemoryAccess {
  /** What the runtime holds, used or not. */
  heldBytes(): number;
  collect(): void;
}

export class IdleMemory {
  readonly #access: MemoryAccess;
  /** Undefined just after a collection, as not all is given back at once. */
  #leftBytes: number | undefined = 0;
  #work = -1;
  /** The most that was kept since the last collection. */
  #keptBytes = 0;

  constructor(access: MemoryAccess = OWN_MEMORY) {
    this.#access = access;
  }

  /**
   * To be called every now and then; `work` is a count that rises with whatever is done, `keptBytes` what is
   * kept for others, about: what is left of it has gone from memory too.
   */
  look(work: number, keptBytes: number): void {
    this.#keptBytes = Math.max(this.#keptBytes, keptBytes);
    const isQuiet = work === this.#work;
    this.#work = work;
    if (!isQuiet) return;
    const heldBytes = this.#access.heldBytes();
    this.#leftBytes ??= heldBytes;
    const worth = Math.max(WORTH_BYTES, this.#leftBytes * WORTH_SHARE);
    const isReleased = this.#keptBytes - keptBytes > WORTH_BYTES;
    if (heldBytes < this.#leftBytes + worth && !isReleased) return;
    this.#access.collect();
    this.#leftBytes = undefined;
    this.#keptBytes = keptBytes;
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
    collector({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  },
};
