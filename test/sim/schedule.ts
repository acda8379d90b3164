// Virtual time: events in order of their time, equal times in order of their making.

interface Event {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

export class Schedule {
  readonly #heap: Event[] = [];
  #order = 0;
  #now: number;

  /** `startMs` is wall-clock milliseconds since the epoch. */
  constructor(startMs: number) {
    this.#now = startMs;
  }

  get now(): number {
    return this.#now;
  }

  after(delayMs: number, run: () => void): void {
    this.#push({ at: this.#now + delayMs, order: this.#order++, run });
  }

  /** Runs the next event, if there is one at or before `untilMs`. */
  step(untilMs: number): boolean {
    const first = this.#heap[0];
    if (first === undefined || first.at > untilMs) return false;
    this.#pop();
    this.#now = first.at;
    first.run();
    return true;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let i = heap.length;
    heap.push(event);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(event, heap[parent] as Event)) break;
      heap[i] = heap[parent] as Event;
      i = parent;
    }
    heap[i] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Event;
    if (heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = i * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Event, heap[child] as Event))
        child++;
      if (!before(heap[child] as Event, last)) break;
      heap[i] = heap[child] as Event;
      i = child;
    }
    heap[i] = last;
  }
}

function before(a: Event, b: Event): boolean {
  return a.at !== b.at ? a.at < b.at : a.order < b.order;
}
