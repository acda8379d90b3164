// Gathers commands for one write to an engine. Raw commands are copied once; nothing is allocated per
// command in the common case.

import { type Arg, encodeCommand } from './encode.ts';

const INITIAL_BYTES = 64 * 1024;

/** A growing buffer of commands. `take` hands it over and starts anew. */
export class CommandWriter {
  #buffer: Buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  #at = 0;
  #count = 0;

  /** Commands written since the last take. */
  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#at;
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

  take(): Buffer {
    const bytes = this.#buffer.subarray(0, this.#at);
    // The socket may keep the bytes for a while, so the next commands get a buffer of their own.
    this.#buffer = Buffer.allocUnsafe(INITIAL_BYTES);
    this.#at = 0;
    this.#count = 0;
    return bytes;
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#at);
    this.#buffer = grown;
  }
}
