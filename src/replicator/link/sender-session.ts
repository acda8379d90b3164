// The dialer's side of a connection: says hello, then sends frames and pings; takes acks, wants and
// pongs. Frames are not pushed into it: it names the next one when the shell has room.
//
//   state      input                      next       effects
//   dialing    connected                  greeting   send hello
//   dialing    connected, bad certificate closed     send refused, close
//   greeting   hello, fine                streaming  open, pump, send ping
//   greeting   hello, judged wrong        closed     send refused, close
//   streaming  ack                        streaming  ack
//   streaming  want                       streaming  pump
//   streaming  pong                       streaming  (send ping, for the first few)
//   streaming  tick, a second passed      streaming  send ping
//   any        refused                    closed     close
//   any        tick, silence too long     closed     close
//   any        anything else              -          CorruptInput is thrown
//   closed     anything                   closed     nothing

import { CorruptInput } from '../../base/errors.ts';
import type { ReplicaId } from '../../model/version-vector.ts';
import { decodeFrameHeader } from '../../wire/frame.ts';
import { type Record, RecordType } from '../../wire/record.ts';
import type { ClockEstimate } from './clock-estimate.ts';
import {
  type Certificate,
  helloFor,
  type Identity,
  judgeCertificate,
  judgeHello,
  judgeHistory,
  judgeProtocol,
  receivedOf,
  saidInStep,
} from './greeting.ts';
import {
  decodeAck,
  decodeHello,
  decodePong,
  decodeRefusal,
  decodeWant,
  encodeHello,
  encodePing,
  encodeRefusal,
  protocolOf,
  type Refusal,
} from './messages.ts';
import { type Effect, type Instant, SILENCE_MS_MAX } from './session.ts';

const PING_EVERY_MS = 1000;
const QUICK_PINGS = 3;
/** A peer that does not read must not have pings heaped up in front of it. */
const PINGS_UNANSWERED_MAX = 8;

/** The part of the log that a sender needs. */
export interface FrameSource {
  frameAfter(origin: ReplicaId, seq: number): Buffer | undefined;
  lastSeq(origin: ReplicaId): number;
}

export interface SenderOptions {
  readonly identity: Identity;
  readonly target: ReplicaId;
  readonly frames: FrameSource;
  readonly received: (origin: ReplicaId) => number;
  readonly clock: ClockEstimate;
}

/** Frames of another origin that the peer has asked for, from `cursor` to `until`. */
interface Errand {
  readonly origin: ReplicaId;
  cursor: number;
  until: number;
}

/** The peer lacks ops that the log no longer holds. */
export class HistoryGap extends Error {
  constructor(peer: ReplicaId, cursor: number, firstSeq: number) {
    super(
      `replicator ${peer} has our ops up to ${cursor}, the log goes back to ${firstSeq} only: wipe the peer and join it anew`,
    );
    this.name = 'HistoryGap';
  }
}

export class SenderSession {
  readonly #options: SenderOptions;
  #state: 'dialing' | 'greeting' | 'streaming' | 'closed' = 'dialing';
  #certificate: Certificate = { kind: 'plain' };
  #heardMs: number;
  #pingedMs = 0;
  #pingsSent = 0;
  #pingsAnswered = 0;
  /** The last own sequence that was given to the peer. */
  #cursor = 0;
  #errands: Errand[] = [];

  constructor(options: SenderOptions, now: Instant) {
    this.#options = options;
    this.#heardMs = now.nowMs;
  }

  get isStreaming(): boolean {
    return this.#state === 'streaming';
  }

  /** Bytes came in, or it is on purpose that none do. */
  heard(now: Instant): void {
    this.#heardMs = now.nowMs;
  }

  connected(certificate: Certificate, now: Instant): Effect[] {
    if (this.#state !== 'dialing') return [];
    this.#heardMs = now.nowMs;
    this.#certificate = certificate;
    const refusal = judgeCertificate(certificate);
    if (refusal !== undefined) return this.#refuse(refusal);
    this.#state = 'greeting';
    const { identity, target, received } = this.#options;
    return [{ do: 'send', record: encodeHello(helloFor(identity, target, received)) }];
  }

  /** Throws CorruptInput when the peer does not keep to the protocol. */
  receive(record: Record, now: Instant): Effect[] {
    if (this.#state === 'closed') return [];
    if (record.type === RecordType.refused) {
      const refusal = decodeRefusal(record);
      this.#state = 'closed';
      return [{ do: 'close', reason: refusal.message, refusal: { ...refusal, by: 'them' } }];
    }
    if (this.#state === 'greeting' && record.type === RecordType.hello) {
      return this.#greeted(record, now);
    }
    if (this.#state === 'streaming') {
      if (record.type === RecordType.ack)
        return [{ do: 'ack', entries: decodeAck(record).entries }];
      if (record.type === RecordType.pong) return this.#ponged(record, now);
      if (record.type === RecordType.want) return this.#wanted(record);
    }
    throw new CorruptInput(`record of type ${record.type} came while ${this.#state}`);
  }

  tick(now: Instant): Effect[] {
    if (this.#state === 'closed') return [];
    if (now.nowMs - this.#heardMs >= SILENCE_MS_MAX) {
      const reason =
        this.#state === 'dialing'
          ? `no connection within ${SILENCE_MS_MAX} ms`
          : `nothing received for ${SILENCE_MS_MAX} ms`;
      this.#state = 'closed';
      return [{ do: 'close', reason }];
    }
    const isDue = this.#state === 'streaming' && now.nowMs - this.#pingedMs >= PING_EVERY_MS;
    return isDue ? this.#ping(now) : [];
  }

  /** Whether `nextFrame` would find something; costs next to nothing. */
  get hasMore(): boolean {
    if (this.#state !== 'streaming') return false;
    const { frames, identity } = this.#options;
    return this.#errands.length > 0 || frames.lastSeq(identity.self) > this.#cursor;
  }

  /** The next frame for the peer, which now counts as sent. Throws HistoryGap. */
  nextFrame(): Buffer | undefined {
    if (this.#state !== 'streaming') return undefined;
    return this.#nextErrand() ?? this.#nextOwn();
  }

  #nextOwn(): Buffer | undefined {
    const { frames, identity, target } = this.#options;
    const frame = frames.frameAfter(identity.self, this.#cursor);
    if (frame === undefined) return undefined;
    const { firstSeq, count } = decodeFrameHeader(frame);
    if (firstSeq > this.#cursor + 1) throw new HistoryGap(target, this.#cursor, firstSeq);
    this.#cursor = firstSeq + count - 1;
    return frame;
  }

  #nextErrand(): Buffer | undefined {
    for (let errand = this.#errands[0]; errand !== undefined; errand = this.#errands[0]) {
      if (errand.cursor < errand.until) {
        const frame = this.#options.frames.frameAfter(errand.origin, errand.cursor);
        if (frame !== undefined) {
          const { firstSeq, count } = decodeFrameHeader(frame);
          errand.cursor = firstSeq + count - 1;
          return frame;
        }
      }
      this.#errands.shift();
    }
    return undefined;
  }

  #greeted(record: Record, now: Instant): Effect[] {
    const wrongProtocol = judgeProtocol(protocolOf(record));
    if (wrongProtocol !== undefined) return this.#refuse(wrongProtocol);
    const { identity, target, received, frames } = this.#options;
    const hello = decodeHello(record);
    const { self } = identity;
    const peerHas = receivedOf(hello, self);
    const refusal =
      judgeHello(hello, identity, this.#certificate, target) ??
      judgeHistory(self, target, peerHas, Math.max(received(self), frames.lastSeq(self)));
    if (refusal !== undefined) return this.#refuse(refusal);
    this.#state = 'streaming';
    this.#cursor = peerHas;
    return [
      { do: 'open', peer: target, software: hello.software, stale: saidInStep(hello, identity) },
      ...this.#ping(now),
      { do: 'pump' },
    ];
  }

  #ponged(record: Record, now: Instant): Effect[] {
    this.#options.clock.add(decodePong(record), now.wallMs);
    this.#pingsAnswered++;
    return this.#pingsSent < QUICK_PINGS ? this.#ping(now) : [];
  }

  #ping(now: Instant): Effect[] {
    this.#pingedMs = now.nowMs;
    if (this.#pingsSent - this.#pingsAnswered >= PINGS_UNANSWERED_MAX) return [];
    this.#pingsSent++;
    return [{ do: 'send', record: encodePing(now.wallMs) }];
  }

  #wanted(record: Record): Effect[] {
    const { origin, afterSeq } = decodeWant(record);
    const until = this.#options.frames.lastSeq(origin);
    const known = this.#errands.find((errand) => errand.origin === origin);
    // A second want for the same origin before the first is answered: one walk answers both.
    if (known !== undefined) {
      known.cursor = Math.min(known.cursor, afterSeq);
      known.until = until;
    } else {
      this.#errands.push({ origin, cursor: afterSeq, until });
    }
    return [{ do: 'pump' }];
  }

  #refuse(refusal: Refusal): Effect[] {
    this.#state = 'closed';
    return [
      { do: 'send', record: encodeRefusal(refusal) },
      { do: 'close', reason: refusal.message, refusal: { ...refusal, by: 'us' } },
    ];
  }
}
