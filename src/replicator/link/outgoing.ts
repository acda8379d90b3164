// Our connection to one peer: dials until it stands, dials again when it falls, and feeds it frames
// from the log as long as the window has room.

import type { Logger } from 'pino';
import { CorruptInput, OperatorError } from '../../base/errors.ts';
import type { ReplicaId, VersionEntries } from '../../model/version-vector.ts';
import type { Member } from '../config.ts';
import { ClockEstimate } from './clock-estimate.ts';
import { compressRecords } from './compression.ts';
import { Connection, type Traffic } from './connection.ts';
import type { Identity } from './greeting.ts';
import type { Refusal } from './messages.ts';
import { type FrameSource, HistoryGap, SenderSession } from './sender-session.ts';
import { describeRefusal, type Effect, type Instant } from './session.ts';
import type { Transport } from './transport.ts';
import { wallClockMs } from './wall-clock.ts';

const BACKOFF_MS_MIN = 50;
const BACKOFF_MS_MAX = 2000;
const REFUSED_BACKOFF_MS_MIN = 250;
const REFUSED_BACKOFF_MS_MAX = 5000;
/** A connection that lived so long was a good one: the next failure starts from the shortest wait. */
const GOOD_MS_MIN = 2000;

/** What is compressed together at a time. */
const BATCH_BYTES = 256 * 1024;

export const instant = (): Instant => ({ nowMs: performance.now(), wallMs: wallClockMs() });

export interface OutgoingOptions {
  readonly identity: Identity;
  readonly member: Member;
  readonly transport: Transport;
  readonly frames: FrameSource;
  readonly received: (origin: ReplicaId) => number;
  /** zstd level; 0 is off. */
  readonly compression: number;
  readonly delayMs: number;
  readonly traffic: Traffic;
  readonly logger: Logger;
  readonly events: {
    /** `isStreaming` changed. */
    changed(reason: string): void;
    refused(refusal: Refusal): void;
    ack(entries: VersionEntries): void;
    frameTaken(bytes: number): void;
  };
}

export class Outgoing {
  readonly clock = new ClockEstimate();
  readonly #options: OutgoingOptions;
  #current: { connection: Connection; session: SenderSession; openedMs: number } | undefined;
  #dialTimer: NodeJS.Timeout | undefined;
  #failures = 0;
  #wasRefused = false;
  #isCut = false;
  #isClosed = false;
  #lastError: string | null = null;

  constructor(options: OutgoingOptions) {
    this.#options = options;
  }

  get isStreaming(): boolean {
    return this.#current?.session.isStreaming ?? false;
  }

  get lastError(): string | null {
    return this.#lastError;
  }

  /** Dials unless there is a connection, or traffic with this peer is cut. */
  dial(): void {
    if (this.#current !== undefined || this.#isCut || this.#isClosed) return;
    clearTimeout(this.#dialTimer);
    this.#dialTimer = undefined;
    const { identity, member, frames, received, transport } = this.#options;
    const { clock } = this;
    const session = new SenderSession(
      { identity, target: member.id, frames, received, clock },
      instant(),
    );
    const socket = transport.dial(member.host, member.port, (certificate) => {
      if (this.#current?.session === session) {
        this.#carryOut(session.connected(certificate, instant()));
      }
    });
    const connection = new Connection(socket, {
      record: (record) => this.#carryOut(session.receive(record, instant())),
      heard: () => session.heard(instant()),
      writable: () => this.pump(),
      closed: (reason) => this.#closed(connection, reason),
    });
    connection.established(this.#options.traffic, this.#options.delayMs);
    this.#current = { connection, session, openedMs: Number.POSITIVE_INFINITY };
  }

  /** The peer is known to be there: no need to wait any longer, unless it does not want us. */
  nudge(): void {
    if (!this.#wasRefused && this.#dialTimer !== undefined) this.dial();
  }

  /** Sends what the log has for the peer, as far as the window has room. */
  pump(): void {
    const current = this.#current;
    if (current === undefined || this.#isCut || !current.session.hasMore) return;
    const { connection, session } = current;
    try {
      while (connection.room > 0 && this.#sendBatch(connection, session));
    } catch (error) {
      // What cannot be read back must not stop the other links; this one has nothing to send.
      if (!(error instanceof HistoryGap) && !(error instanceof OperatorError)) throw error;
      this.#wasRefused = true;
      connection.destroy(error.message);
      return;
    }
    connection.flush();
  }

  tick(now: Instant, wasAsleep: boolean): void {
    const current = this.#current;
    if (current === undefined || this.#isCut) return;
    if (wasAsleep) current.session.heard(now);
    this.#carryOut(current.session.tick(now));
  }

  cut(): void {
    this.#isCut = true;
    clearTimeout(this.#dialTimer);
    this.#dialTimer = undefined;
    this.#current?.connection.hold();
  }

  heal(): void {
    if (!this.#isCut) return;
    this.#isCut = false;
    this.#failures = 0;
    this.#wasRefused = false;
    this.#current?.session.heard(instant());
    this.#current?.connection.release();
    this.dial();
  }

  /** Ends this connection; another is made. */
  drop(reason: string): void {
    this.#current?.connection.destroy(reason);
  }

  /** Lets the socket take what is queued, then ends. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#dialTimer);
    if (this.isStreaming) this.#current?.connection.finish();
    else this.#current?.connection.destroy('shutting down');
  }

  destroy(): void {
    this.#current?.connection.destroy('shutting down');
  }

  /** Whether there was anything to send. */
  #sendBatch(connection: Connection, session: SenderSession): boolean {
    const { compression } = this.#options;
    const limit = compression > 0 ? Math.min(BATCH_BYTES, connection.room) : connection.room;
    const batch: Buffer[] = [];
    let bytes = 0;
    while (bytes < limit) {
      const frame = session.nextFrame();
      if (frame === undefined) break;
      batch.push(frame);
      bytes += frame.length;
    }
    this.#options.events.frameTaken(bytes);
    const packed = compression > 0 ? compressRecords(batch, bytes, compression) : undefined;
    if (packed !== undefined) connection.send(packed);
    else for (const frame of batch) connection.send(frame);
    return batch.length > 0;
  }

  #carryOut(effects: readonly Effect[]): void {
    const current = this.#current;
    if (current === undefined) return;
    const { connection } = current;
    let isPumpDue = false;
    for (const effect of effects) {
      switch (effect.do) {
        case 'send':
          connection.send(effect.record);
          break;
        case 'open':
          current.openedMs = performance.now();
          this.#lastError = null;
          this.#wasRefused = false;
          this.#options.logger.info({ software: effect.software }, 'sending to the peer');
          this.#options.events.changed('connected');
          this.#options.identity.standing?.heard(effect.peer, effect.stale);
          break;
        case 'ack':
          if (effect.entries.length > 0) this.#options.events.ack(effect.entries);
          break;
        case 'pump':
          isPumpDue = true;
          break;
        case 'close':
          this.#end(connection, effect);
          return;
        case 'frame':
        case 'tunnel':
          throw new CorruptInput('frames and tunnels do not come this way');
      }
    }
    connection.flush();
    if (isPumpDue) this.pump();
  }

  #end(connection: Connection, { reason, refusal }: Extract<Effect, { do: 'close' }>): void {
    if (refusal === undefined) {
      connection.destroy(reason);
      return;
    }
    this.#wasRefused = true;
    const text = describeRefusal(refusal);
    if (refusal.by === 'them') {
      this.#options.events.refused(refusal);
      connection.destroy(text);
      return;
    }
    connection.finish();
    this.#closed(connection, text);
  }

  #closed(connection: Connection, reason: string): void {
    const current = this.#current;
    if (current?.connection !== connection) return;
    this.#current = undefined;
    if (this.#isClosed) return;
    if (performance.now() - current.openedMs >= GOOD_MS_MIN) this.#failures = 0;
    const fields = { reason, address: `${this.#options.member.host}:${this.#options.member.port}` };
    // The same trouble again and again is said once.
    if (reason === this.#lastError) this.#options.logger.debug(fields, 'no link to the peer');
    else this.#options.logger.warn(fields, 'no link to the peer');
    this.#lastError = reason;
    this.#dialLater();
    this.#options.events.changed(reason);
  }

  #dialLater(): void {
    if (this.#isCut) return;
    const [least, most] = this.#wasRefused
      ? [REFUSED_BACKOFF_MS_MIN, REFUSED_BACKOFF_MS_MAX]
      : [BACKOFF_MS_MIN, BACKOFF_MS_MAX];
    const waitMs = Math.min(most, least * 2 ** Math.min(this.#failures++, 10));
    this.#dialTimer = setTimeout(() => this.dial(), waitMs);
  }
}
