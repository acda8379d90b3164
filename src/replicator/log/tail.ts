// The newest frames of every origin, in memory, bounded in bytes over all origins. The oldest frame
// of all leaves first; it stays on disk. What is here of an origin is always a suffix of its frames.

import type { ReplicaId } from '../../model/version-vector.ts';

interface TailFrame {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly bytes: Buffer;
  /** Counts all frames of all origins, so that the oldest of all can be found. */
  readonly ordinal: number;
}

interface OriginTail {
  /** Undefined before `head`: dropped frames free their bytes at once. */
  frames: (TailFrame | undefined)[];
  /** Index of the oldest frame that is still here. */
  head: number;
}

export class Tail {
  readonly #bytesMax: number;
  readonly #origins = new Map<ReplicaId, OriginTail>();
  #bytes = 0;
  #ordinal = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(origin: ReplicaId, firstSeq: number, lastSeq: number, bytes: Buffer): void {
    let tail = this.#origins.get(origin);
    if (tail === undefined) {
      tail = { frames: [], head: 0 };
      this.#origins.set(origin, tail);
    }
    tail.frames.push({ firstSeq, lastSeq, bytes, ordinal: this.#ordinal++ });
    this.#bytes += bytes.length;
    while (this.#bytes > this.#bytesMax) this.#dropOldest();
  }

  /** The first frame of `origin` beyond `seq`; undefined when it may be on disk only. */
  frameAfter(origin: ReplicaId, seq: number): Buffer | undefined {
    const tail = this.#origins.get(origin);
    const oldest = tail?.frames[tail.head];
    if (tail === undefined || oldest === undefined || seq < oldest.firstSeq - 1) return undefined;
    let low = tail.head;
    let high = tail.frames.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((tail.frames[middle] as TailFrame).lastSeq > seq) high = middle;
      else low = middle + 1;
    }
    return tail.frames[low]?.bytes;
  }

  /** Forgets the frames of `origin` up to `seq`. */
  release(origin: ReplicaId, seq: number): void {
    const tail = this.#origins.get(origin);
    if (tail === undefined) return;
    for (;;) {
      const oldest = tail.frames[tail.head];
      if (oldest === undefined || oldest.lastSeq > seq) return;
      this.#dropHead(tail, oldest);
    }
  }

  #dropOldest(): void {
    let oldestTail: OriginTail | undefined;
    let oldest: TailFrame | undefined;
    for (const tail of this.#origins.values()) {
      const frame = tail.frames[tail.head];
      if (frame !== undefined && (oldest === undefined || frame.ordinal < oldest.ordinal)) {
        oldest = frame;
        oldestTail = tail;
      }
    }
    if (oldestTail !== undefined && oldest !== undefined) this.#dropHead(oldestTail, oldest);
  }

  #dropHead(tail: OriginTail, frame: TailFrame): void {
    this.#bytes -= frame.bytes.length;
    tail.frames[tail.head++] = undefined;
    // Cut off in halves: each frame is moved once on average.
    if (tail.head * 2 >= tail.frames.length) {
      tail.frames = tail.frames.slice(tail.head);
      tail.head = 0;
    }
  }
}
