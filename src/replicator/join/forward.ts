// Bytes from one socket to another. What is read in one turn of the loop is written together: TLS hands
// out 16 KiB at a time, and a call of the operating system for each costs more than the bytes.

import type { Socket } from 'node:net';

/** Bytes that may wait for the slower side. */
export const WAITING_BYTES_MAX = 1024 * 1024;

/** Collects what is written to a socket in one turn. */
export class TurnWriter {
  readonly #socket: Socket;
  #isCorked = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** False: enough waits; write on after the socket's `drain`. */
  write(bytes: Buffer): boolean {
    const socket = this.#socket;
    if (!this.#isCorked) {
      this.#isCorked = true;
      socket.cork();
      setImmediate(() => {
        this.#isCorked = false;
        socket.uncork();
      });
    }
    // Its `drain` comes: what may wait is more than a socket's own mark.
    socket.write(bytes);
    return socket.writableLength < WAITING_BYTES_MAX;
  }
}

/** Passes on what comes from `from`, no faster than `to` takes it. Ends and errors are the caller's. */
export function forward(from: Socket, to: Socket): void {
  const writer = new TurnWriter(to);
  from.on('data', (chunk: Buffer) => {
    if (!writer.write(chunk)) from.pause();
  });
  to.on('drain', () => from.resume());
}
