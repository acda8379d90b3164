// A connection that a peer has dialed: who it is turns out with its hello. Frames come in here, acks
// and wants go out.

import type { Socket } from 'node:net';
import type { ReplicaId, VersionEntries } from '../../model/version-vector.ts';
import { RecordType } from '../../wire/record.ts';
import { unpackRecords } from './compression.ts';
import { Connection, type Traffic } from './connection.ts';
import type { Certificate, Identity } from './greeting.ts';
import type { Want } from './messages.ts';
import { instant } from './outgoing.ts';
import { ReceiverSession } from './receiver-session.ts';
import { describeRefusal, type Effect, type Instant } from './session.ts';
import type { Tunnel } from './tunnel.ts';

/** A peer that does not read its acks gets no more of them for now. */
const ACK_BYTES_WAITING_MAX = 64 * 1024;

export interface IncomingEvents {
  /** The peer is known; called before it is answered. */
  greeted(incoming: Incoming, peer: ReplicaId): void;
  frame(bytes: Buffer): void;
  /** The connection is a tunnel from here on; no other event follows. */
  tunnel(incoming: Incoming, tunnel: Tunnel): void;
  closed(incoming: Incoming, reason: string): void;
}

export interface IncomingOptions {
  readonly identity: Identity;
  readonly certificate: Certificate;
  readonly received: (origin: ReplicaId) => number;
  readonly events: IncomingEvents;
}

export class Incoming {
  readonly address: string;
  #peer: ReplicaId | undefined;
  readonly #connection: Connection;
  readonly #session: ReceiverSession;
  readonly #identity: Identity;
  readonly #events: IncomingEvents;
  #ackTimer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(socket: Socket, { identity, certificate, received, events }: IncomingOptions) {
    this.address = `${socket.remoteAddress}:${socket.remotePort}`;
    this.#events = events;
    this.#identity = identity;
    this.#session = new ReceiverSession({ identity, certificate, received }, instant());
    this.#connection = new Connection(socket, {
      record: (record) => {
        if (record.type === RecordType.compressed && this.#session.isStreaming) {
          this.#connection.deliverFirst(unpackRecords(record));
        } else this.#carryOut(this.#session.receive(record, instant()));
      },
      heard: () => this.#session.heard(instant()),
      writable: () => {},
      closed: (reason) => this.#closed(reason),
    });
  }

  /** Undefined before the greeting. */
  get peer(): ReplicaId | undefined {
    return this.#peer;
  }

  get isStreaming(): boolean {
    return !this.#isClosed && this.#session.isStreaming;
  }

  begin(): void {
    this.#carryOut(this.#session.begin());
  }

  /** Its traffic belongs to a peer now. */
  attach(traffic: Traffic, delayMs: number): void {
    this.#connection.established(traffic, delayMs);
  }

  tick(now: Instant, wasAsleep: boolean): void {
    const connection = this.#connection;
    if (connection.isHeld) return;
    // Nobody reads: silence says nothing.
    if (wasAsleep || connection.isPaused) this.#session.heard(now);
    if (connection.waitingBytes < ACK_BYTES_WAITING_MAX) this.#carryOut(this.#session.tick(now));
  }

  acknowledge(entries: VersionEntries): void {
    this.#session.acknowledge(entries);
    this.#ackSoon();
  }

  want(want: Want): void {
    this.#carryOut(this.#session.want(want));
  }

  hold(): void {
    this.#connection.hold();
  }

  release(): void {
    this.#session.heard(instant());
    this.#connection.release();
    if (!this.#isClosed) this.tick(instant(), false);
  }

  pause(): void {
    this.#connection.pauseReading();
  }

  resume(): void {
    this.#session.heard(instant());
    this.#connection.resumeReading();
  }

  /** Lets the socket take what is queued, then ends. */
  finish(): void {
    this.#connection.finish();
  }

  destroy(reason: string): void {
    this.#connection.destroy(reason);
  }

  #ackSoon(): void {
    if (this.#isClosed || this.#connection.isHeld || this.#ackTimer !== undefined) return;
    const now = instant();
    const waitMs = this.#session.newsDueMs(now);
    if (waitMs === undefined) return;
    if (waitMs === 0) this.tick(now, false);
    else {
      this.#ackTimer = setTimeout(() => {
        this.#ackTimer = undefined;
        this.#ackSoon();
      }, Math.ceil(waitMs));
    }
  }

  #carryOut(effects: readonly Effect[]): void {
    for (const effect of effects) {
      switch (effect.do) {
        case 'send':
          this.#connection.send(effect.record);
          break;
        case 'open':
          this.#peer = effect.peer;
          this.#events.greeted(this, effect.peer);
          this.#identity.standing?.heard(effect.peer, effect.stale);
          break;
        case 'frame':
          this.#events.frame(effect.bytes);
          break;
        case 'tunnel':
          this.#isClosed = true;
          this.#events.tunnel(this, { request: effect.request, ...this.#connection.detach() });
          return;
        case 'close':
          this.#end(effect);
          return;
        case 'ack':
        case 'pump':
          throw new Error('assertion failed: a receiver neither takes acks nor sends frames');
      }
    }
    if (effects.length > 0) this.#connection.flush();
  }

  #end({ reason, refusal }: Extract<Effect, { do: 'close' }>): void {
    if (refusal?.by === 'us') {
      this.#connection.finish();
      this.#closed(describeRefusal(refusal));
    } else this.#connection.destroy(refusal === undefined ? reason : describeRefusal(refusal));
  }

  #closed(reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#ackTimer);
    this.#events.closed(this, reason);
  }
}
