// The ops of chains before their last ones: for each its dot, and the node of the one before it. Nodes are only
// ever appended, in pages, and a page goes when all its ops are stable.
//
// Beyond the newest pages they go to disk. So what one hot key gathers while a member is away costs disk, not memory.

import type { VersionVector } from '../../../model/version-vector.ts';
import { seqOf, slotOf } from './dot.ts';

/** Keeps pages elsewhere. Nothing of it is needed after a restart. */
export interface PageStore {
  write(page: number, bytes: Buffer): void;
  read(page: number, offset: number, length: number): Buffer;
  drop(page: number): void;
}

const PAGE_NODES = 65536;
/** A dot and the node before it. */
const NODE_NUMBERS = 2;
const NODE_BYTES = NODE_NUMBERS * 8;
const PAGES_IN_MEMORY = 8;

interface Page {
  /** Undefined when the store has it. */
  numbers: Float64Array | undefined;
  /** Per slot the highest sequence. */
  readonly lastSeqs: VersionVector;
}

export interface ChainNodesOptions {
  /** Without it all pages stay in memory. */
  readonly store?: PageStore | undefined;
  readonly pageNodes?: number;
  readonly pagesInMemory?: number;
}

export class ChainNodes {
  readonly #members: number;
  readonly #store: PageStore | undefined;
  readonly #pageNodes: number;
  readonly #pagesInMemory: number;
  /** In order; the first is that of number `#first`. */
  #pages: Page[] = [];
  #first = 0;
  /** The next node. 0 is none. */
  #next = 1;
  #spilled = 0;

  constructor(members: number, options: ChainNodesOptions = {}) {
    this.#members = members;
    this.#store = options.store;
    this.#pageNodes = options.pageNodes ?? PAGE_NODES;
    this.#pagesInMemory = options.pagesInMemory ?? PAGES_IN_MEMORY;
  }

  get bytes(): number {
    return (this.#pages.length - this.#spilled) * this.#pageNodes * NODE_BYTES;
  }

  /** Bytes in the store. */
  get storedBytes(): number {
    return this.#spilled * this.#pageNodes * NODE_BYTES;
  }

  /** Notes that an op stands before another; returns its node. */
  add(dot: number, before: number): number {
    const node = this.#next++;
    const number = Math.floor(node / this.#pageNodes);
    const page = this.#pages[number - this.#first] ?? this.#begin();
    const numbers = page.numbers as Float64Array;
    const at = (node % this.#pageNodes) * NODE_NUMBERS;
    numbers[at] = dot;
    numbers[at + 1] = before;
    const slot = slotOf(dot);
    const seq = seqOf(dot);
    if (seq > (page.lastSeqs[slot] as number)) page.lastSeqs[slot] = seq;
    return node;
  }

  /** The op at a node, and the node before it; undefined: it is stable, and gone. */
  at(node: number): { dot: number; before: number } | undefined {
    const number = Math.floor(node / this.#pageNodes);
    const page = this.#pages[number - this.#first];
    if (page === undefined) return undefined;
    const at = (node % this.#pageNodes) * NODE_NUMBERS;
    const { numbers } = page;
    if (numbers !== undefined) {
      return { dot: numbers[at] as number, before: numbers[at + 1] as number };
    }
    const bytes = (this.#store as PageStore).read(number, at * 8, NODE_BYTES);
    return { dot: bytes.readDoubleLE(0), before: bytes.readDoubleLE(8) };
  }

  /** Lets go of the oldest pages as far as they are stable. The one that is being filled stays. */
  release(frontier: VersionVector): void {
    while (this.#pages.length > 1) {
      const page = this.#pages[0] as Page;
      if (page.lastSeqs.some((seq, slot) => seq > (frontier[slot] as number))) return;
      this.#pages.shift();
      if (page.numbers === undefined) {
        this.#spilled--;
        this.#store?.drop(this.#first);
      }
      this.#first++;
    }
  }

  #begin(): Page {
    const page = {
      numbers: new Float64Array(this.#pageNodes * NODE_NUMBERS),
      lastSeqs: new Float64Array(this.#members),
    };
    this.#pages.push(page);
    if (this.#pages.length - this.#spilled > this.#pagesInMemory) this.#spill();
    return page;
  }

  /** Those in the store are the oldest ones. */
  #spill(): void {
    const page = this.#pages[this.#spilled];
    if (this.#store === undefined || page?.numbers === undefined) return;
    const { buffer, byteOffset, byteLength } = page.numbers;
    this.#store.write(this.#first + this.#spilled, Buffer.from(buffer, byteOffset, byteLength));
    page.numbers = undefined;
    this.#spilled++;
  }
}
