// The socket around a capture session.
//
// An engine under load sends its stream in thousands of tiny packets per second, and a replicator that
// wakes for each of them spends its time on waking. So after a small read the socket is left alone for
// `gatherMs`: what arrives meanwhile gathers in the kernel and comes as one chunk. A large read means
// that we are behind, and reading goes on. Whoever waits for a certain offset says hurry().
//
// Bytes are copied at most once, out of the socket's one read buffer into a slab that chunks share. A
// receiver that uses a chunk up before it returns (StreamParser keeps no byte of a chunk once next()
// has returned false) asks to be lent the read buffer itself: without slabs there is nothing to
// collect, while 64 MB of them make the runtime mark its whole heap.
//
// Guarantees: onStart before the first onData; data is the stream's bytes in order, none missing or
// doubled, from the position given to onStart on; onClose is the last call and comes exactly once.
// After close() nothing but onClose is called. Connecting again is the caller's business.

import { connect, type Socket } from 'node:net';
import type { Logger } from 'pino';
import { CorruptInput, OperatorError } from '../../base/errors.ts';
import { CaptureSession, type StreamPosition } from './session.ts';

export type { StreamPosition } from './session.ts';

export interface CaptureOptions {
  host: string;
  port: number;
  username: string;
  password: string;
  /** Where to go on; without it the stream starts at the present moment. */
  resume?: StreamPosition | undefined;
  /** How long to let small packets gather, in whole milliseconds; 0: read each as it comes. */
  gatherMs: number;
  /** Chunks are only lent: they are overwritten once onData has returned. */
  lendChunks?: boolean | undefined;
  onStart(position: StreamPosition): void;
  /** The chunk is the receiver's to keep, unless it is lent. A CorruptInput thrown here ends the capture. */
  onData(chunk: Buffer): void;
  /** The engine's backlog no longer reaches back to the position given in `resume`. */
  onLost(reason: string): void;
  /** `error` is undefined after close() and after onLost. */
  onClose(error: Error | undefined): void;
  logger?: Logger | undefined;
}

const READ_BUFFER_BYTES = 256 * 1024;
/** Holds at least one whole read. */
const SLAB_BYTES = READ_BUFFER_BYTES;

/** A read below this took all there was: more will come only by and by. */
const SMALL_READ_BYTES = 64 * 1024;

const CONNECT_MS_MAX = 10_000;

/** A replication connection to one engine. */
export class Capture {
  #options: CaptureOptions;
  #session: CaptureSession;
  #socket: Socket;
  #createdAtMs = performance.now();
  #readBuffer: Buffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
  #slab: Buffer = Buffer.alloc(0);
  #slabUsed = 0;
  #reads = 0;

  #paused = false;
  #gathering = false;
  /** hurry() was called after the last small read began. */
  #eager = false;
  #eagerUntil = 0;
  #gatherTimer: NodeJS.Timeout | undefined;
  #tickTimer: NodeJS.Timeout | undefined;

  /** No more bytes are wanted. */
  #over = false;
  #error: Error | undefined;

  constructor(options: CaptureOptions) {
    this.#options = options;
    const { username, password, resume } = options;
    this.#session = new CaptureSession(
      { username, password, resume },
      {
        send: (bytes) => {
          if (this.#socket.writable) this.#socket.write(bytes);
        },
        started: (position) => {
          options.logger?.info({ position, resumed: resume !== undefined }, 'capture started');
          options.onStart(position);
        },
        data: (chunk) => {
          if (!this.#over) options.onData(chunk);
        },
        lost: (reason) => {
          options.onLost(reason);
          this.#end(undefined);
        },
        failed: (error) => this.#end(error),
      },
    );
    this.#socket = connect({
      host: options.host,
      port: options.port,
      noDelay: true,
      onread: {
        buffer: this.#readBuffer,
        callback: (length) => this.#read(length),
      },
    });
    this.#socket.once('connect', () => this.#session.begin(performance.now()));
    this.#socket.on('error', (error) => this.#end(this.#unreachable(error)));
    this.#socket.once('close', () => this.#closed());
    this.#scheduleTick();
  }

  /** How often the socket was read: the packets that came meanwhile were more. */
  get reads(): number {
    return this.#reads;
  }

  /** The replication offset of the last byte handed to onData. */
  get received(): number {
    return this.#session.received;
  }

  /** Everything up to `offset` is safe here; the engine is told within a second. */
  acknowledge(offset: number): void {
    this.#session.acknowledge(offset, performance.now());
  }

  /**
   * Stops waiting for bytes to gather and reads until a read is small or, when an offset is given, until
   * the stream has reached it.
   */
  hurry(untilOffset = 0): void {
    this.#eager = true;
    if (untilOffset > this.#eagerUntil) this.#eagerUntil = untilOffset;
    // The timer goes on and finds nothing to do, or is set anew before it fires.
    this.#gathered();
  }

  /** Stops reading: the receiver has enough for now. */
  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  /** Takes up reading after pause(). */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (!this.#gathering && !this.#over) this.#socket.resume();
  }

  /** Acknowledges for the last time and hangs up. */
  close(): void {
    if (this.#over) return;
    this.#session.flush(performance.now());
    this.#end(undefined);
  }

  /** Takes what was read; false stops the reading. */
  #read(length: number): boolean {
    if (this.#over) return false;
    this.#reads++;
    this.#eager = false;
    const bytes = this.#readBuffer.subarray(0, length);
    const chunk = this.#options.lendChunks === true ? bytes : this.#keep(bytes);
    try {
      this.#session.receive(chunk, performance.now());
    } catch (error) {
      // Anything else is a broken invariant and must not be survived.
      if (!(error instanceof CorruptInput)) throw error;
      this.#end(error);
    }
    if (this.#over || this.#paused) return false;
    if (length >= SMALL_READ_BYTES || !this.#session.streaming) return true;
    if (this.#eager || this.#session.received < this.#eagerUntil) return true;
    if (this.#options.gatherMs < 1) return true;
    this.#gathering = true;
    if (this.#gatherTimer === undefined) {
      this.#gatherTimer = setTimeout(() => this.#gathered(), this.#options.gatherMs);
    } else {
      this.#gatherTimer.refresh();
    }
    return false;
  }

  #gathered(): void {
    if (!this.#gathering) return;
    this.#gathering = false;
    if (!this.#paused && !this.#over) this.#socket.resume();
  }

  /** Copies what was read out of the socket's buffer, which the next read overwrites. */
  #keep(bytes: Buffer): Buffer {
    if (this.#slabUsed + bytes.length > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#slabUsed = 0;
    }
    const start = this.#slabUsed;
    this.#slabUsed += bytes.length;
    const chunk = this.#slab.subarray(start, this.#slabUsed);
    chunk.set(bytes);
    return chunk;
  }

  #scheduleTick(): void {
    this.#tickTimer = setTimeout(() => this.#tick(), this.#session.tickMs);
  }

  #tick(): void {
    const nowMs = performance.now();
    if (this.#socket.connecting && nowMs - this.#createdAtMs > CONNECT_MS_MAX) {
      this.#end(this.#unreachable(new Error(`no answer within ${CONNECT_MS_MAX / 1000} s`)));
    }
    this.#session.tick(nowMs, !this.#paused);
    if (!this.#over) this.#scheduleTick();
  }

  #unreachable(cause: Error): OperatorError {
    const { host, port } = this.#options;
    const error = new OperatorError(
      'CAPTURE_DISCONNECTED',
      `no connection to the engine at ${host}:${port}: ${cause.message || cause.name}`,
      'Check that the engine runs and listens there; this is tried again.',
    );
    error.cause = cause;
    return error;
  }

  /** Stops everything but the last call of onClose. */
  #end(error: Error | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#error = error;
    clearTimeout(this.#tickTimer);
    clearTimeout(this.#gatherTimer);
    // After close() the last acknowledgement still goes out; a broken connection is not waited for.
    if (error !== undefined || this.#socket.connecting) this.#socket.destroy();
    else this.#socket.destroySoon();
  }

  #closed(): void {
    if (!this.#over) this.#end(this.#unreachable(new Error('the engine closed the connection')));
    if (this.#error !== undefined) {
      this.#options.logger?.warn({ error: this.#error.message }, 'capture ended');
    }
    this.#options.onClose(this.#error);
  }
}
