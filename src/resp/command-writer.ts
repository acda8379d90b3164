// Gathers commands for one write to an engine. Raw commands are copied once; nothing is allocated per
// command in the common case.

import { type Arg, encodeCommand } from './encode.ts';

const SLAB_BYTES = 64 * 1024;

const SPARE_BYTES_MAX = 1024 * 1024;

/** With less room than this a new slab is begun rather than a small one grown. */
const ROOM_BYTES_MIN = 4 * 1024;

/** A growing buffer of commands. `take` hands over what was written and starts behind it. */
export class CommandWriter {
  #buffer: Buffer = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #start = 0;
  #at = 0;
  #count = 0;

  /** Commands written since the last take. */
  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#at - this.#start;
  }

  /** A whole command that already is in RESP form. */
  raw(source: Buffer, from: number, to: number): void {
    this.#reserve(to - from);
    source.copy(this.#buffer, this.#at, from, to);
    this.#at += to - from;
    this.#count++;
  }

  command(args: readonly Arg[]): void {
    const bytes = encodeCommand(args);
    this.raw(bytes, 0, bytes.length);
  }

  /** The bytes are the taker's: nothing is written over them. */
  take(): Buffer {
    const bytes = this.#buffer.subarray(this.#start, this.#at);
    this.#count = 0;
    if (this.#at + ROOM_BYTES_MIN > this.#buffer.length) {
      this.#buffer = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#at = 0;
    }
    this.#start = this.#at;
    return bytes;
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
    this.#start = 0;
    this.#at = written;
  }
}
