// Bytes on their way from one socket to another. They are read into memory that is kept for it, and written
// out of the same memory: nothing is allocated or copied for them, however many there are.
//
// What is read goes behind what waits, so that it can be written together, in pieces as large as what came
// meanwhile. Whoever reads stops when enough waits; what still comes then finds room all the same.

/** A piece of memory, and so the most that is read or written at once. */
const SLAB_BYTES = 256 * 1024;
/** A slab with less room than this is not read into any more. */
const ROOM_BYTES_MIN = 32 * 1024;
/** Slabs that are kept though nothing waits. */
const SPARE_SLABS_MAX = 4;

interface Slab {
  readonly memory: Buffer;
  from: number;
  to: number;
}

export class ReadQueue {
  /** What waits, the oldest first; the last one is read into. */
  readonly #slabs: Slab[] = [newSlab()];
  readonly #spare: Slab[] = [];
  #length = 0;

  /** Bytes that wait. */
  get length(): number {
    return this.#length;
  }

  /** Where the next bytes are to be read to; it is nobody else's until `filled`. */
  room(): Buffer {
    let last = this.#last;
    if (last.from === last.to) {
      last.from = 0;
      last.to = 0;
    }
    if (SLAB_BYTES - last.to < ROOM_BYTES_MIN) {
      last = this.#spare.pop() ?? newSlab();
      this.#slabs.push(last);
    }
    return last.memory.subarray(last.to);
  }

  /** So many bytes were read to where `room` said. */
  filled(bytes: number): void {
    this.#last.to += bytes;
    this.#length += bytes;
  }

  /** The oldest bytes that lie together. They stay as they are until they are released. */
  front(): Buffer {
    this.#dropEmpty();
    const { memory, from, to } = this.#slabs[0] as Slab;
    return memory.subarray(from, to);
  }

  /** So many of the oldest bytes are written. */
  release(bytes: number): void {
    (this.#slabs[0] as Slab).from += bytes;
    this.#length -= bytes;
    this.#dropEmpty();
  }

  /** A copy of all that waits, which then waits no more. */
  take(): Buffer {
    const taken: Buffer[] = [];
    while (this.#length > 0) {
      const bytes = Buffer.from(this.front());
      taken.push(bytes);
      this.release(bytes.length);
    }
    return Buffer.concat(taken);
  }

  get #last(): Slab {
    return this.#slabs.at(-1) as Slab;
  }

  /** The last one stays: a read into it may be under way. */
  #dropEmpty(): void {
    while (this.#slabs.length > 1) {
      const first = this.#slabs[0] as Slab;
      if (first.from < first.to) return;
      this.#slabs.shift();
      first.from = 0;
      first.to = 0;
      if (this.#spare.length < SPARE_SLABS_MAX) this.#spare.push(first);
    }
  }
}

function newSlab(): Slab {
  return { memory: Buffer.allocUnsafeSlow(SLAB_BYTES), from: 0, to: 0 };
}
