// Cuts an RDB file into units that two files can be compared by: a value, a part of a large one, or bytes
// that are not worth a comparison. One after the other the units are the file.
//
// Where a value is cut depends on nothing but its own bytes, so that it is cut alike in both files:
// - what is small (strings, packed values, short lists) is one unit;
// - elements that stand in the order of a hash table are units of their own, as their order tells nothing;
// - a large value of other elements is cut behind elements that their own bytes choose: an element that
//   comes or goes changes the unit that it belongs to, and those behind it stay;
// - what is still too long is cut where it gets too long.
//
// Units are known by a part of their SHA-256. It is made with a salt that is new for each comparison: nobody
// who may write values can look for two that have the same.

import { hash } from 'node:crypto';
import { RdbPart, RdbSplitter } from './splitter.ts';

/** What is shorter travels as it is: its digest would not be much less. */
export const UNIT_BYTES_MIN = 32;
export const UNIT_BYTES_MAX = 64 * 1024;
export const DIGEST_BYTES = 10;
export const SALT_BYTES = 16;

/** Within a large value: no cut before so many bytes, */
const CUT_BYTES_MIN = 1024;
/** one behind one in 64 elements on average, */
const CUT_MASK = 63;
/** and in any case behind so many bytes. */
const CUT_BYTES = 16 * 1024;
/** Of an element so many bytes decide: its end, which of sorted sets has the score and part of the member. */
const CHOOSING_BYTES = 24;
/** For less a loop is faster than a call. */
const LOOP_BYTES_MAX = 48;

/** Takes the units, in order. The bytes are valid during the call only. */
export interface UnitSink {
  /** Not worth a comparison. */
  literal(bytes: Buffer): void;
  /** `digest` is a latin1 string of DIGEST_BYTES; `at` is where it begins in the file. */
  unit(bytes: Buffer, digest: string, at: number): void;
}

/** The digest of a unit; `salted` is the salt and then the unit. */
export function digestOf(salted: Buffer): string {
  return hash('sha256', salted, 'binary').slice(0, DIGEST_BYTES);
}

export class UnitCutter {
  readonly #sink: UnitSink;
  readonly #splitter = new RdbSplitter();
  /** The salt and behind it the unit under way. */
  readonly #buffer: Buffer;
  #filled = SALT_BYTES;
  /** Where in the unit the present element begins. */
  #elementAt = SALT_BYTES;
  /** What the unit has been given so far, and all before. */
  #position = 0;

  constructor(salt: Buffer, sink: UnitSink) {
    this.#sink = sink;
    this.#buffer = Buffer.allocUnsafeSlow(SALT_BYTES + UNIT_BYTES_MAX);
    salt.copy(this.#buffer, 0, 0, SALT_BYTES);
  }

  /** Why the file cannot be split (further); undefined while it can. */
  get reason(): string | undefined {
    return this.#splitter.reason;
  }

  /** The next bytes of the file. */
  take(chunk: Buffer): void {
    const splitter = this.#splitter;
    splitter.feed(chunk);
    let from = 0;
    for (;;) {
      const wasInValue = splitter.isInValue || this.#filled > SALT_BYTES;
      const part = splitter.next();
      const end = splitter.at;
      const isField = part === RdbPart.field || (part === RdbPart.none && !splitter.isInValue);
      if (isField && !wasInValue) {
        if (end > from) this.#literal(chunk.subarray(from, end));
      } else this.#fill(chunk, from, end);
      from = end;
      if (part === RdbPart.none) break;
      this.#ended(part);
    }
    if (splitter.isOver) this.#close();
  }

  /** The file has ended, be it in the middle of a value. */
  end(): void {
    this.#close();
  }

  #literal(bytes: Buffer): void {
    this.#position += bytes.length;
    this.#sink.literal(bytes);
  }

  #fill(chunk: Buffer, start: number, end: number): void {
    const buffer = this.#buffer;
    for (let from = start; from < end; ) {
      const to = Math.min(end, from + buffer.length - this.#filled);
      if (to - from > LOOP_BYTES_MAX) this.#filled += chunk.copy(buffer, this.#filled, from, to);
      else for (let i = from; i < to; i++) buffer[this.#filled++] = chunk[i] as number;
      this.#position += to - from;
      from = to;
      if (this.#filled === buffer.length) this.#close();
    }
  }

  #ended(part: RdbPart): void {
    if (part === RdbPart.element || part === RdbPart.head) {
      if (this.#splitter.isUnordered || (part === RdbPart.element && this.#isChosen())) {
        this.#close();
      }
      this.#elementAt = this.#filled;
    } else this.#close();
  }

  /** Whether to cut behind the element that ended. */
  #isChosen(): boolean {
    const buffer = this.#buffer;
    const end = this.#filled;
    if (end - SALT_BYTES < CUT_BYTES_MIN) return false;
    // A node of a list or a stream is long enough to stand alone.
    if (end - SALT_BYTES >= CUT_BYTES || end - this.#elementAt >= CUT_BYTES_MIN) return true;
    let mixed = 0;
    for (let i = Math.max(this.#elementAt, end - CHOOSING_BYTES); i < end; i++) {
      mixed = Math.imul(mixed ^ (buffer[i] as number), 0x01000193);
    }
    return ((mixed >>> 15) & CUT_MASK) === 0;
  }

  #close(): void {
    const length = this.#filled - SALT_BYTES;
    this.#filled = SALT_BYTES;
    this.#elementAt = SALT_BYTES;
    if (length === 0) return;
    const salted = this.#buffer.subarray(0, SALT_BYTES + length);
    const bytes = salted.subarray(SALT_BYTES);
    if (length < UNIT_BYTES_MIN) this.#sink.literal(bytes);
    else this.#sink.unit(bytes, digestOf(salted), this.#position - length);
  }
}
