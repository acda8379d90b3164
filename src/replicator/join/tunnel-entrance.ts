// Where the newcomer's engine finds "its primary": a port on loopback behind which each connection goes
// through a tunnel of its own to the donor. The engine retries by itself when a tunnel breaks.
//
// Whoever comes through here reads all data of the group, so the engine must show the password that it
// was given for it (masterauth); PING and AUTH are answered here, everything else by the donor's engine.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Logger } from 'pino';
import { CorruptInput } from '../../base/errors.ts';
import { Command } from '../../resp/command.ts';
import { StreamParser } from '../../resp/stream-parser.ts';
import type { HeldSnapshot } from './delta/held-snapshot.ts';
import { DELTA_VERSION, encodeTunnelBytes } from './delta/messages.ts';
import { connectRebuilt } from './delta/rebuilt.ts';
import type { DeltaReceiver } from './delta/receiver.ts';
import { forward, Passage } from './forward.ts';
import { decodeEngineFacts } from './messages.ts';
import { type OpenTunnel, openTunnel, TunnelRefused, type TunnelWish } from './tunnel-client.ts';

/** An engine sends a newline or a ping more often than that, unless the stream is cut. */
const SILENCE_MS_MAX = 60_000;
const SILENCE_CHECK_MS = 1000;
const GREETING_BYTES_MAX = 4096;

export interface EntranceOptions {
  readonly wish: Omit<TunnelWish, 'purpose' | 'delta'>;
  readonly password: string;
  /** What the engine held before: the snapshot may come as a difference to it. */
  readonly held?: HeldSnapshot | undefined;
  readonly logger: Logger;
}

export class TunnelEntrance {
  readonly #options: EntranceOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #current: { engine: Socket; donor: Socket } | undefined;
  #opened = 0;
  #bytes = 0;
  #givenBytes = 0;
  #held: HeldSnapshot | undefined;
  #heardMs = performance.now();
  #awaySinceMs: number | undefined = performance.now();
  #lastError: string | null = null;
  #refusal: TunnelRefused | undefined;
  #donorDataBytes: number | null = null;
  #silenceTimer: NodeJS.Timeout | undefined;
  /** Silence is as it should be: the stream is cut. */
  isCut = false;
  /** The engine may not begin anew: what it has now is what it keeps. */
  isSealed = false;

  private constructor(options: EntranceOptions) {
    this.#options = options;
    this.#held = options.held;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** Listens on a free port of loopback. */
  static async open(options: EntranceOptions): Promise<TunnelEntrance> {
    const entrance = new TunnelEntrance(options);
    entrance.#server.listen(0, '127.0.0.1');
    await once(entrance.#server, 'listening');
    entrance.#silenceTimer = setInterval(() => entrance.#checkSilence(), SILENCE_CHECK_MS);
    return entrance;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Received through all tunnels. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What went to the engine for it: more, where a snapshot came as a difference. */
  get givenBytes(): number {
    return this.#givenBytes;
  }

  /** How many tunnels stood. */
  get opened(): number {
    return this.#opened;
  }

  /** For how long there has been no tunnel; 0 while there is one. */
  awayMs(nowMs: number): number {
    return this.#awaySinceMs === undefined ? 0 : nowMs - this.#awaySinceMs;
  }

  /** Why there is no tunnel; null while there is one. */
  get lastError(): string | null {
    return this.#awaySinceMs === undefined ? null : this.#lastError;
  }

  /** A refusal that time does not mend. */
  get refusal(): TunnelRefused | undefined {
    return this.#refusal;
  }

  /** What the donor's engine used for its data when the last tunnel was opened; null before. */
  get donorDataBytes(): number | null {
    return this.#donorDataBytes;
  }

  /** Ends all tunnels; may be called again. */
  async close(): Promise<void> {
    clearInterval(this.#silenceTimer);
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #accept(engine: Socket): void {
    engine.on('error', () => {});
    if (this.isSealed) {
      engine.destroy();
      return;
    }
    this.#sockets.add(engine);
    engine.setNoDelay(true);
    engine.once('close', () => this.#sockets.delete(engine));
    const greeting = new Greeting(this.#options.password);
    const onData = (chunk: Buffer): void => {
      const { answer, outcome } = greeting.take(chunk);
      if (answer !== '') engine.write(answer);
      if (outcome === 'more') return;
      engine.off('data', onData);
      if (outcome === 'wrong') engine.destroy();
      else {
        engine.pause();
        void this.#connect(engine, greeting.rest);
      }
    };
    engine.on('data', onData);
  }

  async #connect(engine: Socket, rest: Buffer): Promise<void> {
    const { wish, logger } = this.#options;
    try {
      const held = this.#held;
      const delta = held && { version: DELTA_VERSION, salt: held.salt.toString('base64') };
      // What comes as a difference is taken apart; everything else passes through.
      const passage = held === undefined ? new Passage() : undefined;
      const tunnel = await openTunnel({ ...wish, purpose: 'engine', delta, passage });
      const facts = decodeEngineFacts(tunnel.answer);
      this.#donorDataBytes = facts.dataBytes;
      const agreed = facts.delta === DELTA_VERSION ? held : undefined;
      this.#splice(engine, { ...tunnel, passage }, rest, agreed);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (error instanceof TunnelRefused && error.isFinal) this.#refusal = error;
      if (reason !== this.#lastError) logger.warn({ reason }, 'no tunnel to the donor');
      this.#lastError = reason;
      engine.destroy();
    }
  }

  #splice(
    engine: Socket,
    { socket: donor, reader, passage }: OpenTunnel & { passage: Passage | undefined },
    fromEngine: Buffer,
    held: HeldSnapshot | undefined,
  ): void {
    if (engine.destroyed || this.isSealed || !this.#server.listening) {
      donor.destroy();
      engine.destroy();
      return;
    }
    this.#sockets.add(donor);
    const pair = { engine, donor };
    this.#current = pair;
    this.#opened++;
    this.#awaySinceMs = undefined;
    this.#heardMs = performance.now();
    let rebuilt: DeltaReceiver | undefined;
    const end = (reason: string): void => {
      engine.destroy();
      donor.destroy();
      rebuilt?.close();
      // It has done its work: should the engine begin anew, then with what the donor has.
      if (rebuilt?.isWhole === true) this.#held = undefined;
      this.#sockets.delete(donor);
      if (this.#current !== pair) return;
      this.#current = undefined;
      this.#awaySinceMs = performance.now();
      this.#lastError = reason;
      this.#options.logger.info({ reason }, 'the tunnel to the donor has ended');
    };
    donor.on('error', (error) => end(error.message));
    donor.on('close', () => end('the donor closed the connection'));
    engine.on('close', () => end('the engine closed the connection'));
    const fromDonor = reader.takeRest();
    if (held === undefined) {
      if (fromEngine.length > 0) donor.write(fromEngine);
      this.#forward(pair, fromDonor, passage);
    } else {
      donor.on('data', (chunk: Buffer) => this.#heard(chunk.length));
      rebuilt = connectRebuilt({
        ...{ engine, donor, held },
        onGiven: (bytes) => {
          this.#givenBytes += bytes;
        },
        onFailure: (error) => {
          this.#held = undefined;
          this.#options.logger.warn({ error }, 'the snapshot is taken whole');
          end(error.message);
        },
      });
      if (fromEngine.length > 0) donor.write(encodeTunnelBytes(fromEngine));
      rebuilt.receive(fromDonor);
    }
    engine.resume();
    donor.resume();
  }

  #forward(
    { engine, donor }: { engine: Socket; donor: Socket },
    fromDonor: Buffer,
    passage: Passage | undefined,
  ): void {
    this.#givenBytes += fromDonor.length;
    if (fromDonor.length > 0) engine.write(fromDonor);
    const onBytes = (bytes: number): void => {
      this.#heard(bytes);
      this.#givenBytes += bytes;
    };
    forward(engine, donor);
    if (passage !== undefined) passage.forward(donor, engine, onBytes);
    else {
      donor.on('data', (chunk: Buffer) => onBytes(chunk.length));
      forward(donor, engine);
    }
  }

  #heard(bytes: number): void {
    this.#bytes += bytes;
    this.#heardMs = performance.now();
  }

  /** A wire that broke without a word. */
  #checkSilence(): void {
    const current = this.#current;
    const nowMs = performance.now();
    // While the engine is busy loading nobody reads, and silence says nothing.
    if (current === undefined || this.isCut || current.donor.isPaused()) this.#heardMs = nowMs;
    else if (nowMs - this.#heardMs > SILENCE_MS_MAX) {
      current.donor.destroy(new Error('the donor has sent nothing for a minute'));
    }
  }
}

/** The part of the handshake that concerns us: PING, and the password. */
class Greeting {
  readonly #password: string;
  readonly #parser = new StreamParser();
  readonly #command = new Command();
  #taken: Buffer = Buffer.alloc(0);

  constructor(password: string) {
    this.#password = password;
  }

  /** What came behind the password. */
  get rest(): Buffer {
    return this.#taken.subarray(this.#parser.consumed);
  }

  take(chunk: Buffer): { answer: string; outcome: 'more' | 'right' | 'wrong' } {
    this.#taken = Buffer.concat([this.#taken, chunk]);
    this.#parser.feed(chunk);
    let answer = '';
    try {
      while (this.#parser.next(this.#command)) {
        const name = this.#command.arg(0).toUpperCase();
        if (name === 'PING') answer += '+PONG\r\n';
        else if (name === 'AUTH' && this.#command.arg(this.#command.argc - 1) === this.#password) {
          return { answer: `${answer}+OK\r\n`, outcome: 'right' };
        } else return { answer: `${answer}-NOAUTH not your door\r\n`, outcome: 'wrong' };
      }
    } catch (error) {
      if (!(error instanceof CorruptInput)) throw error;
      return { answer: '', outcome: 'wrong' };
    }
    const isTooLong = this.#taken.length > GREETING_BYTES_MAX;
    return { answer, outcome: isTooLong ? 'wrong' : 'more' };
  }
}
