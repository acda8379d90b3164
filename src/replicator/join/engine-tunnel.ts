// The donor's end of a tunnel between two engines: the newcomer's engine speaks with the donor's as any
// replica does, except that it is given the stream only up to what the donor's log holds.
//
// Little is buffered: what may not pass yet (the gate, a slow link, the throttle) stops the reading, and
// the engine keeps the rest as it does for any slow replica. What passes is written out of the memory that
// it was read into (read-queue.ts).

import { connect, type Socket } from 'node:net';
import { CorruptInput } from '../../base/errors.ts';
import type { EngineEndpoint } from '../../engine/client.ts';
import { encodeStrings } from '../../resp/encode.ts';
import { DELTA_VERSION } from './delta/messages.ts';
import { WAITING_BYTES_MAX } from './forward.ts';
import { encodeEngineFacts } from './messages.ts';
import { DeltaOutlet, type Outlet, PlainOutlet } from './outlet.ts';
import { Rate } from './progress.ts';
import { ReadQueue } from './read-queue.ts';
import { ReplicaRequests } from './replica-requests.ts';
import { SyncGate } from './sync-gate.ts';
import type { Throttle } from './throttle.ts';

const LOGIN_MS_MAX = 10_000;
/** A dead newcomer is noticed in some 15 s. */
const KEEPALIVE_MS = 5000;
const LOGIN_BYTES_MAX = 4096;

export interface EngineTunnelOptions {
  readonly link: Socket;
  /** What was read from the link behind the request. */
  readonly rest: Buffer;
  readonly engine: EngineEndpoint;
  /** What the donor's engine uses for its data. */
  readonly dataBytes: number;
  readonly throttle: Throttle;
  /** The newcomer holds an earlier snapshot, and makes its digests with this salt. */
  readonly deltaSalt?: Buffer | undefined;
  /** The offset up to which the stream may pass. */
  readonly limit: () => number;
  /** The newcomer's engine must take everything anew. */
  readonly onFullSync: () => void;
  /** Called once. */
  readonly onClose: (reason: string) => void;
}

export class EngineTunnel {
  readonly startedAt = Date.now();
  readonly gate = new SyncGate();
  readonly #options: EngineTunnelOptions;
  readonly #link: Socket;
  readonly #engine: Socket;
  readonly #requests = new ReplicaRequests((offset) => this.gate.asked(offset));
  readonly #rate = new Rate();
  readonly #outlet: Outlet;
  #login: Buffer | undefined;
  /** Read from the engine and not passed on. */
  readonly #queue = new ReadQueue();
  #isPassing = false;
  #bytes = 0;
  #givenBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #isOpen = false;
  #isClosed = false;

  constructor(options: EngineTunnelOptions) {
    this.#options = options;
    this.#link = options.link;
    const onSent = (bytes: number): void => this.#sent(bytes);
    const { link, deltaSalt } = options;
    this.#outlet =
      deltaSalt === undefined
        ? new PlainOutlet(link, onSent)
        : new DeltaOutlet(link, deltaSalt, onSent);
    const { host, port, username, password } = options.engine;
    const onread = {
      buffer: () => this.#queue.room(),
      callback: (bytes: number) => {
        this.#arrived(bytes);
        return true;
      },
    };
    this.#engine = connect({ host, port, noDelay: true, onread });
    this.#timer = setTimeout(() => this.close('the engine did not let us in'), LOGIN_MS_MAX);
    this.#engine.on('error', (error) => this.close(`the engine's connection: ${error.message}`));
    this.#engine.on('close', () => this.close('the engine closed the connection'));
    this.#link.on('error', (error) => this.close(`the newcomer's connection: ${error.message}`));
    this.#link.on('close', () => this.close('the newcomer closed the connection'));
    this.#link.setNoDelay(true);
    this.#link.setKeepAlive(true, KEEPALIVE_MS);
    if (password === undefined) {
      this.#engine.once('connect', () => this.#open());
      return;
    }
    this.#login = Buffer.alloc(0);
    this.#engine.write(encodeStrings(['AUTH', ...(username ? [username] : []), password]));
  }

  /** Sent, for handshake, snapshot and stream. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Of handshake, snapshot and stream, whatever was sent for them. */
  get givenBytes(): number {
    return this.#givenBytes;
  }

  get bytesPerSecond(): number {
    return this.#rate.perSecond(this.#bytes, performance.now());
  }

  /** The limit has risen, or the throttle is another. */
  pump(): void {
    if (this.#isClosed || !this.#isOpen) return;
    clearTimeout(this.#timer);
    this.#isPassing = true;
    try {
      this.#pass();
    } catch (error) {
      if (!(error instanceof CorruptInput)) throw error;
      this.close(error.message);
    } finally {
      this.#isPassing = false;
    }
  }

  close(reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#outlet.close();
    this.#engine.destroy();
    this.#link.destroy();
    this.#options.onClose(reason);
  }

  #arrived(bytes: number): void {
    this.#queue.filled(bytes);
    if (this.#isClosed) return;
    if (this.#login !== undefined) {
      this.#loggedIn(Buffer.concat([this.#login, this.#queue.take()]));
      return;
    }
    this.pump();
    if (this.#queue.length >= WAITING_BYTES_MAX && !this.#isClosed) this.#engine.pause();
  }

  #passed(bytes: number): void {
    this.#queue.release(bytes);
    if (!this.#isPassing) this.pump();
  }

  #loggedIn(answer: Buffer): void {
    const end = answer.indexOf('\r\n');
    if (end < 0 && answer.length < LOGIN_BYTES_MAX) {
      this.#login = answer;
      return;
    }
    const text = answer.latin1Slice(0, Math.max(end, 0));
    if (text !== '+OK') {
      this.close(`the engine refused the replicator's user: ${text}`);
      return;
    }
    this.#login = undefined;
    this.#open();
  }

  #open(): void {
    this.#isOpen = true;
    clearTimeout(this.#timer);
    const link = this.#link;
    const { dataBytes } = this.#options;
    const delta = this.#outlet.isDelta ? { delta: DELTA_VERSION } : {};
    link.write(encodeEngineFacts({ dataBytes, ...delta }));
    link.on('data', (chunk: Buffer) => this.#fromNewcomer(chunk));
    link.on('drain', () => this.pump());
    this.#engine.on('drain', () => link.resume());
    if (this.#options.rest.length > 0) this.#fromNewcomer(this.#options.rest);
    if (!this.#isClosed) link.resume();
  }

  #fromNewcomer(chunk: Buffer): void {
    if (this.#isClosed) return;
    try {
      for (const said of this.#outlet.receive(chunk)) {
        this.#requests.judge(said);
        if (!this.#engine.write(said)) this.#link.pause();
      }
    } catch (error) {
      if (!(error instanceof CorruptInput)) throw error;
      this.close(error.message);
    }
    // What it answered may make room.
    this.pump();
  }

  #sent(bytes: number): void {
    this.#options.throttle.spend(bytes);
    this.#bytes += bytes;
    this.#rate.note(this.#bytes, performance.now());
  }

  /** Passes on what may pass of what is held, and reads on once all of it did. */
  #pass(): void {
    const { throttle, limit, onFullSync } = this.#options;
    const gate = this.gate;
    if (!this.#outlet.sendDue(() => throttle.allowance(performance.now()) >= 1)) {
      this.#timer = setTimeout(() => this.pump(), throttle.waitMs);
      return;
    }
    while (this.#queue.length > 0 && !this.#outlet.isFull) {
      const allowance = throttle.allowance(performance.now());
      if (allowance < 1) {
        this.#timer = setTimeout(() => this.pump(), throttle.waitMs);
        return;
      }
      const held = this.#queue.front();
      const before = gate.fullSyncs;
      const isSnapshot = gate.phase === 'snapshot';
      // Nobody knows beforehand how little a difference comes to; what it comes to is missing later.
      const isBounded = held.length > allowance && !(isSnapshot && this.#outlet.isDelta);
      const passing = gate.pass(isBounded ? held.subarray(0, allowance) : held, limit());
      if (gate.fullSyncs !== before) onFullSync();
      if (passing === 0) return;
      this.#givenBytes += passing;
      const isLast = isSnapshot && gate.phase !== 'snapshot';
      const bytes = passing < held.length ? held.subarray(0, passing) : held;
      this.#outlet.write(bytes, { isSnapshot, isLast }, () => this.#passed(passing));
    }
    const isLow = this.#queue.length < WAITING_BYTES_MAX / 2;
    if (isLow && this.#engine.isPaused()) this.#engine.resume();
  }
}
