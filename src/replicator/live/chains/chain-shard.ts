// A hash table of chains in typed arrays: some fifty bytes for a key beside its name. While a member is away there
// may be millions, which as objects would cost ten times as much and keep the garbage collector busy.
//
// Records are dense: the last one moves into the hole that another leaves. So a place is good until the
// next removal, and memory goes back when records go.

const CAPACITY_MIN = 8;
/** Places in the arrays, and per record in the table that leads to them. */
const RECORD_BYTES = 37;
const SLOT_BYTES = 4;
/** What a string in the heap takes beside its characters, with the reference to it. */
const STRING_BYTES = 28;

export class ChainShard {
  count = 0;
  keys: string[] = [];
  /** The dot of the last op. */
  last = new Float64Array(CAPACITY_MIN);
  /** The node of the op before it; 0: there is none. */
  node = new Float64Array(CAPACITY_MIN);
  /** The last removal in the chain; 0: there is none. */
  removal = new Float64Array(CAPACITY_MIN);
  /** The last own sequence on the key. */
  lastLocal = new Float64Array(CAPACITY_MIN);
  flags = new Uint8Array(CAPACITY_MIN);
  #hashes = new Uint32Array(CAPACITY_MIN);
  /** Open addressing with linear probing; a place + 1, 0 where there is nothing. */
  #slots = new Uint32Array(CAPACITY_MIN * 2);
  #keyBytes = 0;

  /** About what all this takes. */
  get bytes(): number {
    const records = this.last.length * RECORD_BYTES + this.#slots.length * SLOT_BYTES;
    return records + this.count * STRING_BYTES + this.#keyBytes;
  }

  /** The place of a key; -1: it has none. */
  find(key: string, hash: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const at = (this.#slots[slot] as number) - 1;
      if (at < 0) return -1;
      if (this.#hashes[at] === hash && this.keys[at] === key) return at;
    }
  }

  /** A place for a key that has none, with everything 0. */
  add(key: string, hash: number): number {
    if (this.count === this.last.length) this.#resize(this.count * 2);
    const at = this.count++;
    this.keys[at] = key;
    this.#keyBytes += key.length;
    this.#hashes[at] = hash;
    this.last[at] = 0;
    this.node[at] = 0;
    this.removal[at] = 0;
    this.lastLocal[at] = 0;
    this.flags[at] = 0;
    this.#link(hash, at);
    return at;
  }

  /** Takes a record out; the last one takes its place. */
  remove(at: number): void {
    this.#unlink(this.#slotOf(at));
    this.#keyBytes -= (this.keys[at] as string).length;
    const from = --this.count;
    if (from !== at) {
      this.#slots[this.#slotOf(from)] = at + 1;
      this.keys[at] = this.keys[from] as string;
      this.#hashes[at] = this.#hashes[from] as number;
      this.last[at] = this.last[from] as number;
      this.node[at] = this.node[from] as number;
      this.removal[at] = this.removal[from] as number;
      this.lastLocal[at] = this.lastLocal[from] as number;
      this.flags[at] = this.flags[from] as number;
    }
    this.keys.pop();
    if (this.last.length > CAPACITY_MIN && this.count * 4 <= this.last.length) {
      this.#resize(this.last.length / 2);
    }
  }

  #link(hash: number, at: number): void {
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = at + 1;
  }

  #slotOf(at: number): number {
    const mask = this.#slots.length - 1;
    let slot = (this.#hashes[at] as number) & mask;
    while (this.#slots[slot] !== at + 1) slot = (slot + 1) & mask;
    return slot;
  }

  /** Empties a slot, and moves up what was pushed behind it. */
  #unlink(empty: number): void {
    const mask = this.#slots.length - 1;
    let hole = empty;
    for (let slot = (hole + 1) & mask; ; slot = (slot + 1) & mask) {
      const at = (this.#slots[slot] as number) - 1;
      if (at < 0) break;
      const home = (this.#hashes[at] as number) & mask;
      // Whoever has its home behind the hole stays.
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      this.#slots[hole] = at + 1;
      hole = slot;
    }
    this.#slots[hole] = 0;
  }

  #resize(capacity: number): void {
    this.last = resized(this.last, capacity);
    this.node = resized(this.node, capacity);
    this.removal = resized(this.removal, capacity);
    this.lastLocal = resized(this.lastLocal, capacity);
    const flags = new Uint8Array(capacity);
    flags.set(this.flags.subarray(0, this.count));
    this.flags = flags;
    const hashes = new Uint32Array(capacity);
    hashes.set(this.#hashes.subarray(0, this.count));
    this.#hashes = hashes;
    this.#slots = new Uint32Array(capacity * 2);
    for (let at = 0; at < this.count; at++) this.#link(hashes[at] as number, at);
  }
}

function resized(array: Float64Array, capacity: number): Float64Array<ArrayBuffer> {
  const copy = new Float64Array(capacity);
  copy.set(array.subarray(0, Math.min(array.length, capacity)));
  return copy;
}
