// One socket of a link: cuts its input into records, and holds its output back.
//
// Output waits in a queue of our own, and the socket is given little at a time: so that a delay can
// be imitated, so that a cut takes effect at once, and so that the bytes waiting for one peer have a
// bound (`room`). Input stops when the owner holds or pauses; nothing is delivered after that.

import type { Socket } from 'node:net';
import { CorruptInput } from '../../base/errors.ts';
import { type Record, RecordReader } from '../../wire/record.ts';

/** Bytes that may wait for one peer; one frame may go beyond. */
export const WINDOW_BYTES = 4 * 1024 * 1024;

/** Of these, how many are handed to the socket at a time. */
const SOCKET_BYTES = 512 * 1024;

/** A stranger may not make us keep more than a hello. */
const GREETING_BYTES_MAX = 64 * 1024;

/** How long a peer has to read our refusal. */
const FINISH_MS_MAX = 1000;

export interface Traffic {
  sentBytes: number;
  receivedBytes: number;
}

export interface ConnectionEvents {
  /** May throw CorruptInput, which closes the connection. */
  record(record: Record): void;
  /** Something came in. */
  heard(): void;
  /** There is room again. */
  writable(): void;
  /** Called once, at the end. */
  closed(reason: string): void;
}

interface Waiting {
  readonly bytes: Buffer;
  readonly dueMs: number;
}

export class Connection {
  readonly #socket: Socket;
  readonly #events: ConnectionEvents;
  readonly #reader = new RecordReader();
  #traffic: Traffic = { sentBytes: 0, receivedBytes: 0 };
  /** Records to be delivered before the reader is asked for more; the next one is the last. */
  #ahead: Record[] = [];
  #queue: Waiting[] = [];
  #queueHead = 0;
  #queuedBytes = 0;
  #delayMs = 0;
  #delayTimer: NodeJS.Timeout | undefined;
  #finishTimer: NodeJS.Timeout | undefined;
  #isGreeting = true;
  #isHeld = false;
  #isPaused = false;
  #isFinishing = false;
  #isClosed = false;
  #isDelivering = false;

  readonly #onData = (chunk: Buffer): void => this.#received(chunk);
  readonly #onDrain = (): void => this.#drained();
  readonly #onError = (error: Error): void => this.destroy(error.message);
  readonly #onClose = (): void => this.destroy('the peer closed the connection');

  constructor(socket: Socket, events: ConnectionEvents) {
    this.#socket = socket;
    this.#events = events;
    socket.setNoDelay(true);
    socket.on('data', this.#onData);
    socket.on('drain', this.#onDrain);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
  }

  get isHeld(): boolean {
    return this.#isHeld;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** How many more bytes may be sent now. */
  get room(): number {
    return WINDOW_BYTES - this.waitingBytes;
  }

  /** Bytes that the operating system does not have yet. */
  get waitingBytes(): number {
    return this.#queuedBytes + this.#socket.writableLength;
  }

  /** The other side is known: from now on its records may be long, and its traffic counts. */
  established(traffic: Traffic, delayMs: number): void {
    traffic.sentBytes += this.#traffic.sentBytes;
    traffic.receivedBytes += this.#traffic.receivedBytes;
    this.#traffic = traffic;
    this.#delayMs = delayMs;
    this.#isGreeting = false;
  }

  /** Queues; `flush` makes one packet of all that was queued in a turn. */
  send(bytes: Buffer): void {
    if (this.#isClosed || this.#isFinishing) return;
    this.#queue.push({ bytes, dueMs: this.#delayMs > 0 ? performance.now() + this.#delayMs : 0 });
    this.#queuedBytes += bytes.length;
  }

  flush(): void {
    if (this.#isClosed || this.#isHeld) return;
    const socket = this.#socket;
    const nowMs = this.#delayMs > 0 ? performance.now() : 0;
    let waiting = this.#queue[this.#queueHead];
    socket.cork();
    while (
      waiting !== undefined &&
      waiting.dueMs <= nowMs &&
      socket.writableLength < SOCKET_BYTES
    ) {
      socket.write(waiting.bytes);
      this.#traffic.sentBytes += waiting.bytes.length;
      this.#queuedBytes -= waiting.bytes.length;
      waiting = this.#queue[++this.#queueHead];
    }
    socket.uncork();
    if (this.#queueHead * 2 >= this.#queue.length) {
      this.#queue = this.#queue.slice(this.#queueHead);
      this.#queueHead = 0;
    }
    if (waiting === undefined) {
      if (this.#isFinishing) socket.end();
    } else if (waiting.dueMs > nowMs) {
      this.#delayTimer ??= setTimeout(() => {
        this.#delayTimer = undefined;
        this.#drained();
      }, waiting.dueMs - nowMs);
    }
  }

  /** Delivers `records` before anything else. */
  deliverFirst(records: Record[]): void {
    this.#ahead = this.#ahead.concat(records.reverse());
  }

  /** As if the wire were cut: nothing goes out, nothing comes in, nothing is closed. */
  hold(): void {
    if (this.#isHeld || this.#isClosed) return;
    this.#isHeld = true;
    clearTimeout(this.#delayTimer);
    this.#delayTimer = undefined;
    this.#socket.cork();
    this.#socket.pause();
  }

  release(): void {
    if (!this.#isHeld || this.#isClosed) return;
    this.#isHeld = false;
    this.#socket.uncork();
    this.#resume();
    this.#drained();
  }

  pauseReading(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  resumeReading(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#resume();
  }

  /** Sends what is queued, then ends; what still comes in is not looked at. */
  finish(): void {
    if (this.#isClosed || this.#isFinishing) return;
    this.#isFinishing = true;
    // Closing with unread input would reset the connection, and the peer might lose our last words.
    this.#isPaused = false;
    if (!this.#isHeld) this.#socket.resume();
    this.#finishTimer = setTimeout(() => this.destroy('ended'), FINISH_MS_MAX);
    this.flush();
  }

  destroy(reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#delayTimer);
    clearTimeout(this.#finishTimer);
    this.#queue = [];
    this.#queueHead = 0;
    this.#queuedBytes = 0;
    this.#ahead = [];
    this.#socket.destroy();
    this.#events.closed(reason);
  }

  /**
   * Lets go of the socket, which from now on carries something else: it is paused, and `rest` is what
   * was read of it behind the last record. No event follows.
   */
  detach(): { socket: Socket; rest: Buffer } {
    const socket = this.#socket;
    this.#isClosed = true;
    clearTimeout(this.#delayTimer);
    clearTimeout(this.#finishTimer);
    socket.pause();
    socket.off('data', this.#onData).off('drain', this.#onDrain);
    socket.off('error', this.#onError).off('close', this.#onClose);
    return { socket, rest: this.#reader.takeRest() };
  }

  #drained(): void {
    this.flush();
    if (!this.#isClosed && !this.#isHeld && !this.#isFinishing) this.#events.writable();
  }

  #received(chunk: Buffer): void {
    if (this.#isClosed) return;
    this.#traffic.receivedBytes += chunk.length;
    if (this.#isFinishing) return;
    this.#events.heard();
    this.#reader.feed(chunk);
    this.#deliver();
    if (this.#isGreeting && this.#reader.pendingBytes > GREETING_BYTES_MAX) {
      this.destroy('the greeting is too long');
    }
  }

  #resume(): void {
    if (this.#isClosed || this.#isHeld || this.#isPaused) return;
    this.#deliver();
    // A delivered record may have stopped us again.
    if (!this.#isClosed && !this.#isHeld && !this.#isPaused) this.#socket.resume();
  }

  #deliver(): void {
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    try {
      while (!this.#isClosed && !this.#isHeld && !this.#isPaused && !this.#isFinishing) {
        const record = this.#ahead.pop() ?? this.#reader.next();
        if (record === undefined) break;
        this.#events.record(record);
      }
    } catch (error) {
      if (!(error instanceof CorruptInput)) throw error;
      this.destroy(`corrupt input: ${error.message}`);
    } finally {
      this.#isDelivering = false;
    }
  }
}
