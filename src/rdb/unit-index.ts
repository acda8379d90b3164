// Where the units of a file are, by their digests: tens of millions of them. 14 bytes for each, and 4 to 8
// for the table that finds them; no object for any.
//
// What is found is a candidate: of the digest 64 bits are compared. Whoever uses it looks at all of it.

const BLOCK_UNITS = 1 << 18;
const SLOTS_MIN = 1 << 10;
const TWO_TO_32 = 2 ** 32;
/** No Uint32 counts more. */
const UNITS_MAX = TWO_TO_32 - 2;

/** So many units, in the order in which they came. */
class Block {
  readonly low = new Uint32Array(BLOCK_UNITS);
  readonly high = new Uint32Array(BLOCK_UNITS);
  readonly offsetLow = new Uint32Array(BLOCK_UNITS);
  readonly offsetHigh = new Uint16Array(BLOCK_UNITS);
}

export class UnitIndex {
  readonly #blocks: Block[] = [];
  /** The number of a unit plus one; 0 is free. */
  #slots: Uint32Array;
  #count = 0;

  /** `expected` units, if that is known: the table then does not have to grow. */
  constructor(expected = 0) {
    let slots = SLOTS_MIN;
    while (slots * 0.75 < expected) slots *= 2;
    this.#slots = new Uint32Array(slots);
  }

  /** Different units. */
  get count(): number {
    return this.#count;
  }

  /** What it takes. */
  get bytes(): number {
    return this.#slots.byteLength + this.#blocks.length * BLOCK_UNITS * 14;
  }

  /** The unit with this digest is at `offset`, less than 2^48. The first of several counts. */
  add(digest: string, offset: number): void {
    const low = word(digest, 0);
    const high = word(digest, 4);
    const slot = this.#find(low, high);
    if (this.#slots[slot] !== 0 || this.#count >= UNITS_MAX) return;
    const index = this.#count++;
    let block = this.#blocks[Math.floor(index / BLOCK_UNITS)];
    if (block === undefined) {
      block = new Block();
      this.#blocks.push(block);
    }
    const at = index % BLOCK_UNITS;
    block.low[at] = low;
    block.high[at] = high;
    block.offsetLow[at] = offset % TWO_TO_32;
    block.offsetHigh[at] = Math.floor(offset / TWO_TO_32);
    this.#slots[slot] = index + 1;
    if (this.#count > this.#slots.length * 0.75) this.#grow();
  }

  /** Where a unit with this digest is; -1: there is none. */
  offsetOf(digest: string): number {
    const found = this.#slots[this.#find(word(digest, 0), word(digest, 4))] as number;
    if (found === 0) return -1;
    const block = this.#blocks[Math.floor((found - 1) / BLOCK_UNITS)] as Block;
    const at = (found - 1) % BLOCK_UNITS;
    return (block.offsetHigh[at] as number) * TWO_TO_32 + (block.offsetLow[at] as number);
  }

  /** The slot that has it, or where it would go. */
  #find(low: number, high: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = (low & mask) >>> 0; ; slot = (slot + 1) & mask) {
      const found = this.#slots[slot] as number;
      if (found === 0) return slot;
      const block = this.#blocks[Math.floor((found - 1) / BLOCK_UNITS)] as Block;
      const at = (found - 1) % BLOCK_UNITS;
      if (block.low[at] === low && block.high[at] === high) return slot;
    }
  }

  #grow(): void {
    const slots = new Uint32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let index = 0; index < this.#count; index++) {
      const block = this.#blocks[Math.floor(index / BLOCK_UNITS)] as Block;
      let slot = ((block.low[index % BLOCK_UNITS] as number) & mask) >>> 0;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = index + 1;
    }
    this.#slots = slots;
  }
}

function word(digest: string, at: number): number {
  const bytes =
    digest.charCodeAt(at) |
    (digest.charCodeAt(at + 1) << 8) |
    (digest.charCodeAt(at + 2) << 16) |
    (digest.charCodeAt(at + 3) << 24);
  return bytes >>> 0;
}
