// Gathers commands for one write to an engine. Raw commands are copied once; nothing is allocated per
// command in the common case. Plain SETs in a row are written as one MSET: it does the same, and costs
// an engine a fraction of what as many commands cost, above all inside a transaction.

import { type Arg, encodeCommand } from './encode.ts';

const SLAB_BYTES = 64 * 1024;

const SPARE_BYTES_MAX = 1024 * 1024;

/** With less room than this a new slab is begun rather than a small one grown. */
const ROOM_BYTES_MIN = 4 * 1024;

/** `*3\r\n$3\r\nSET\r\n` */
const SET_HEAD_BYTES = 13;
/** `*2147483647\r\n$4\r\nMSET\r\n` */
const RUN_HEAD_BYTES_MAX = 23;

const DOLLAR = 36;
const THREE = 51;

/** A growing buffer of commands. `take` hands over what was written and starts behind it. */
export class CommandWriter {
  #buffer: Buffer = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #start = 0;
  #at = 0;
  #count = 0;
  /** SETs of the run that is open; it begins at `#runAt` with room for its head. */
  #run = 0;
  #runAt = 0;

  /** Commands written since the last take. */
  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#at - this.#start;
  }

  /** A whole command that already is in RESP form. */
  raw(source: Buffer, from: number, to: number): void {
    if (this.#run > 0) this.#closeRun();
    this.#reserve(to - from);
    source.copy(this.#buffer, this.#at, from, to);
    this.#at += to - from;
    this.#count++;
  }

  /** A command in RESP form that is SET with some arguments. */
  set(source: Buffer, from: number, to: number): void {
    const isPlain =
      source[from + 1] === THREE && source[from + 4] === DOLLAR && source[from + 5] === THREE;
    if (!isPlain) {
      this.raw(source, from, to);
      return;
    }
    this.#reserve(to - from + RUN_HEAD_BYTES_MAX);
    if (this.#run === 0) {
      this.#runAt = this.#at;
      this.#at += RUN_HEAD_BYTES_MAX;
      this.#count++;
    }
    this.#run++;
    source.copy(this.#buffer, this.#at, from + SET_HEAD_BYTES, to);
    this.#at += to - from - SET_HEAD_BYTES;
  }

  command(args: readonly Arg[]): void {
    const bytes = encodeCommand(args);
    this.raw(bytes, 0, bytes.length);
  }

  /** The bytes are the taker's: nothing is written over them. */
  take(): Buffer {
    if (this.#run > 0) this.#closeRun();
    const bytes = this.#buffer.subarray(this.#start, this.#at);
    this.#count = 0;
    if (this.#at + ROOM_BYTES_MIN > this.#buffer.length) {
      this.#buffer = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#at = 0;
    }
    this.#start = this.#at;
    return bytes;
  }

  #closeRun(): void {
    const pairs = this.#run;
    this.#run = 0;
    const head = pairs === 1 ? '*3\r\n$3\r\nSET\r\n' : `*${1 + 2 * pairs}\r\n$4\r\nMSET\r\n`;
    const gap = RUN_HEAD_BYTES_MAX - head.length;
    const buffer = this.#buffer;
    buffer.write(head, this.#runAt + gap, 'latin1');
    if (this.#runAt === this.#start) {
      this.#start += gap;
      return;
    }
    buffer.copyWithin(this.#runAt, this.#runAt + gap, this.#at);
    this.#at -= gap;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return;
    const written = this.#at - this.#start;
    const needed = written + bytes;
    // Doubled, so that each byte is moved once on average; not for huge values, that come alone.
    const spare = Math.min(needed, SPARE_BYTES_MAX);
    const grown = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, needed + spare));
    this.#buffer.copy(grown, 0, this.#start, this.#at);
    this.#buffer = grown;
    this.#runAt -= this.#start;
    this.#start = 0;
    this.#at = written;
  }
}
