// The last items, bounded in number and in bytes: the oldest go first.

interface Entry<T> {
  readonly item: T;
  readonly bytes: number;
}

export class Ring<T> {
  readonly #maxItems: number;
  readonly #maxBytes: number;
  readonly #entries: Entry<T>[] = [];
  #bytes = 0;

  constructor(maxItems: number, maxBytes: number) {
    this.#maxItems = maxItems;
    this.#maxBytes = maxBytes;
  }

  get size(): number {
    return this.#entries.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(item: T, bytes: number): void {
    this.#entries.push({ item, bytes });
    this.#bytes += bytes;
    while (this.#entries.length > this.#maxItems || this.#bytes > this.#maxBytes) {
      this.#bytes -= this.#entries.shift()?.bytes ?? 0;
    }
  }

  newestFirst(): T[] {
    return this.#entries.map((entry) => entry.item).reverse();
  }
}
