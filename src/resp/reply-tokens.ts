// Cuts the engine's replies (RESP2, and RESP3 as far as it matters here) into tokens: one line, or one
// bulk string with its payload. What a token means inside an array is the business of those who read
// them. A payload that nobody wants is counted, not stored.

import { CorruptInput } from '../base/errors.ts';

const CR = 13;
const LF = 10;

/** An error message or a status; nothing that an engine sends comes near. */
const LINE_BYTES_MAX = 1024 * 1024;

/** DUMP of a large value may exceed the 512 MiB of a plain one. */
const PAYLOAD_BYTES_MAX = 2 ** 32;
const ELEMENTS_MAX = 2 ** 32;

const NOTHING = Buffer.alloc(0);

/** The first byte of a reply. */
export const ReplyMark = {
  simple: 43, // +
  error: 45, // -
  integer: 58, // :
  bulk: 36, // $
  array: 42, // *
  null: 95, // _
  boolean: 35, // #
  double: 44, // ,
  bigNumber: 40, // (
  bulkError: 33, // !
  verbatim: 61, // =
  map: 37, // %
  set: 126, // ~
  push: 62, // >
  attribute: 124, // |
} as const;

const MARKS: ReadonlySet<number> = new Set(Object.values(ReplyMark));

/** An incremental tokenizer; its fields describe the token that next() has just completed. */
export class ReplyTokens {
  mark = 0;
  /** Bytes of a payload, or tokens that follow as elements; -1 is null, 0 for plain lines. */
  length = 0;
  /** A bulk string's bytes, if they were wanted; may be a view into the chunk. */
  payload: Buffer = NOTHING;

  #chunk: Buffer = NOTHING;
  #at = 0;
  #line: Buffer = NOTHING;
  #lineStart = 0;
  #lineEnd = 0;
  /** A line that is cut: its bytes so far. */
  #cutLine: Buffer = NOTHING;
  /** Payload bytes still to come and its line end; -1 when no payload is under way. */
  #payloadLeft = -1;

  /** Takes the next bytes; the chunk must not be changed afterwards. */
  feed(chunk: Buffer): void {
    const rest = this.#chunk.length - this.#at;
    this.#chunk = rest === 0 ? chunk : Buffer.concat([this.#chunk.subarray(this.#at), chunk]);
    this.#at = 0;
  }

  /** Bytes are there that belong to no completed token. */
  get hasBytes(): boolean {
    return this.#at < this.#chunk.length || this.#cutLine.length > 0 || this.#payloadLeft >= 0;
  }

  /** What stands behind the mark on the token's line. */
  get text(): string {
    return this.#line.toString('latin1', this.#lineStart + 1, this.#lineEnd);
  }

  /** Completes one token; false when more bytes are needed. `keep` is asked for per payload. */
  next(keep: boolean): boolean {
    if (this.#payloadLeft < 0) {
      if (!this.#readLine()) return false;
      this.#readMark();
      if (this.#payloadLeft < 0) return true;
      this.payload = NOTHING;
    }
    return this.#readPayload(keep);
  }

  /** Passes `bytes`, one whole token, if they are what comes next. */
  passExactly(bytes: Buffer): boolean {
    const at = this.#at;
    const chunk = this.#chunk;
    if (at + bytes.length > chunk.length) return false;
    if (this.#cutLine.length > 0 || this.#payloadLeft >= 0) return false;
    for (let i = 0; i < bytes.length; i++) {
      if (chunk[at + i] !== bytes[i]) return false;
    }
    this.#at = at + bytes.length;
    return true;
  }

  #readLine(): boolean {
    const chunk = this.#chunk;
    const start = this.#at;
    let at = start;
    while (at < chunk.length && chunk[at] !== LF) at++;
    const cutLength = this.#cutLine.length;
    if (cutLength + at - start > LINE_BYTES_MAX) throw new CorruptInput('a reply line without end');
    if (at === chunk.length) {
      if (at > start) this.#cutLine = Buffer.concat([this.#cutLine, chunk.subarray(start)]);
      this.#at = at;
      return false;
    }
    this.#at = at + 1;
    if (cutLength === 0) {
      this.#line = chunk;
      this.#lineStart = start;
      this.#lineEnd = at - 1;
    } else {
      this.#line = Buffer.concat([this.#cutLine, chunk.subarray(start, at)]);
      this.#lineStart = 0;
      this.#lineEnd = this.#line.length - 1;
      this.#cutLine = NOTHING;
    }
    if (this.#lineEnd <= this.#lineStart || this.#line[this.#lineEnd] !== CR) {
      throw new CorruptInput('a reply line that does not end as one');
    }
    return true;
  }

  #readMark(): void {
    const mark = this.#line[this.#lineStart] as number;
    this.mark = mark;
    this.length = 0;
    switch (mark) {
      case ReplyMark.simple:
      case ReplyMark.error:
      case ReplyMark.integer:
        return;
      case ReplyMark.bulk:
      case ReplyMark.bulkError:
      case ReplyMark.verbatim:
        this.length = this.#readLength(PAYLOAD_BYTES_MAX);
        this.#payloadLeft = this.length < 0 ? -1 : this.length + 2;
        return;
      case ReplyMark.array:
      case ReplyMark.set:
      case ReplyMark.push:
        this.length = this.#readLength(ELEMENTS_MAX);
        return;
      case ReplyMark.map:
      case ReplyMark.attribute:
        this.length = this.#readLength(ELEMENTS_MAX) * 2;
        return;
      case ReplyMark.null:
        this.length = -1;
        return;
      default:
        if (!MARKS.has(mark)) throw new CorruptInput(`a reply that begins with byte ${mark}`);
    }
  }

  #readLength(max: number): number {
    const text = this.text;
    if (text === '-1') return -1;
    if (!/^\d{1,10}$/.test(text)) throw new CorruptInput(`a reply of length ${text.slice(0, 20)}`);
    const length = Number(text);
    if (length > max) throw new CorruptInput(`a reply of length ${length}`);
    return length;
  }

  #readPayload(keep: boolean): boolean {
    const { length } = this;
    const chunk = this.#chunk;
    const available = chunk.length - this.#at;
    const left = this.#payloadLeft;
    const taken = Math.min(available, left);
    const at = this.#at;
    if (keep) {
      if (left === length + 2) {
        // Not begun: a view if it is all here.
        const whole = taken >= length;
        this.payload = whole ? chunk.subarray(at, at + length) : Buffer.allocUnsafe(length);
        if (!whole) chunk.copy(this.payload, 0, at, at + taken);
      } else if (left > 2) {
        chunk.copy(this.payload, length + 2 - left, at, at + Math.min(taken, left - 2));
      }
    }
    this.#at = at + taken;
    this.#payloadLeft = left - taken;
    // The line end, as far as it lies in this chunk: CR when 2 are left, LF when 1 is.
    for (let due = Math.min(left, 2); due > left - taken; due--) {
      const byte = chunk[at + left - due];
      if (byte !== (due === 2 ? CR : LF)) {
        throw new CorruptInput('a bulk reply that does not end where its length says');
      }
    }
    if (this.#payloadLeft > 0) return false;
    this.#payloadLeft = -1;
    return true;
  }
}
