// Bytes from one socket to another. What is read in one turn of the loop is written together: TLS hands
// out 16 KiB at a time, and a call of the operating system for each costs more than the bytes.

import type { OnReadOpts, Socket } from 'node:net';
import { ReadQueue } from './read-queue.ts';

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

/** As `forward`, for a socket that reads into a queue from its first byte on: for very many bytes. */
export class Passage {
  readonly queue = new ReadQueue();
  /** To be given to the socket that is read. */
  readonly onread: OnReadOpts;
  #onArrival: (bytes: number) => void = () => {};
  #isWriting = false;
  #isDue = false;

  constructor() {
    this.onread = {
      buffer: () => this.queue.room(),
      callback: (bytes) => {
        this.queue.filled(bytes);
        this.#onArrival(bytes);
        return true;
      },
    };
  }

  /** What has arrived is somebody's who takes it out of the queue. */
  listen(onArrival: (bytes: number) => void): void {
    this.#onArrival = onArrival;
  }

  /** From here on all that waits and arrives goes to `to`; `onBytes` is told what arrives. */
  forward(from: Socket, to: Socket, onBytes: (bytes: number) => void): void {
    this.listen((bytes) => {
      onBytes(bytes);
      if (this.queue.length >= WAITING_BYTES_MAX) from.pause();
      this.#writeSoon(from, to);
    });
    if (this.queue.length === 0) return;
    onBytes(this.queue.length);
    this.#writeSoon(from, to);
  }

  #writeSoon(from: Socket, to: Socket): void {
    if (this.#isDue || this.#isWriting) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      this.#write(from, to);
    });
  }

  #write(from: Socket, to: Socket): void {
    if (this.queue.length === 0 || to.destroyed) return;
    const bytes = this.queue.front();
    this.#isWriting = true;
    to.write(bytes, (error) => {
      this.#isWriting = false;
      if (error) return;
      this.queue.release(bytes.length);
      if (from.isPaused() && this.queue.length < WAITING_BYTES_MAX / 2) from.resume();
      this.#write(from, to);
    });
  }
}
