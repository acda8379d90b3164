// The acceptor's side of a connection: answers the hello, takes frames and pings; sends acks, wants
// and pongs. Acks are paced here: one in ACK_EVERY_MS while something changes, one a second always.
//
//   state      input                      next       effects
//   greeting   begin, bad certificate     closed     send refused, close
//   greeting   hello, fine                streaming  open, send hello
//   greeting   hello, judged wrong        closed     send refused, close
//   greeting   tunnel, fine               closed     tunnel
//   greeting   tunnel, judged wrong       closed     send refused, close
//   streaming  ops                        streaming  frame
//   streaming  ping                       streaming  send pong
//   streaming  tick, an ack is due        streaming  send ack
//   any        refused                    closed     close
//   any        tick, silence too long     closed     close
//   any        anything else              -          CorruptInput is thrown
//   closed     anything                   closed     nothing

import { CorruptInput } from '../../base/errors.ts';
import type { ReplicaId, VersionEntries } from '../../model/version-vector.ts';
import { type Record, RecordType } from '../../wire/record.ts';
import {
  type Certificate,
  helloFor,
  type Identity,
  judgeCertificate,
  judgeHello,
  judgeProtocol,
  saidInStep,
} from './greeting.ts';
import {
  decodeHello,
  decodePing,
  decodeRefusal,
  decodeTunnel,
  encodeAck,
  encodeHello,
  encodePong,
  encodeRefusal,
  encodeWant,
  protocolOf,
  type Refusal,
  type Want,
} from './messages.ts';
import { type Effect, type Instant, SILENCE_MS_MAX } from './session.ts';

/** Each costs both sides a wake-up; what they delay is only when ops are forgotten. */
export const ACK_EVERY_MS = 40;
const ACK_IDLE_MS = 1000;

export interface ReceiverOptions {
  readonly identity: Identity;
  readonly certificate: Certificate;
  readonly received: (origin: ReplicaId) => number;
}

export class ReceiverSession {
  readonly #options: ReceiverOptions;
  #state: 'greeting' | 'streaming' | 'closed' = 'greeting';
  #heardMs: number;
  #ackedMs = Number.NEGATIVE_INFINITY;
  /** What the next ack says; undefined before the core has said anything. */
  #entries: VersionEntries | undefined;
  #hasNews = false;

  constructor(options: ReceiverOptions, now: Instant) {
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

  begin(): Effect[] {
    const refusal = judgeCertificate(this.#options.certificate);
    return refusal === undefined ? [] : this.#refuse(refusal);
  }

  /** Throws CorruptInput when the peer does not keep to the protocol. */
  receive(record: Record, now: Instant): Effect[] {
    if (this.#state === 'closed') return [];
    if (record.type === RecordType.refused) {
      const refusal = decodeRefusal(record);
      this.#state = 'closed';
      return [{ do: 'close', reason: refusal.message, refusal: { ...refusal, by: 'them' } }];
    }
    if (this.#state === 'greeting' && record.type === RecordType.hello)
      return this.#greeted(record);
    if (this.#state === 'greeting' && record.type === RecordType.tunnel)
      return this.#tunnel(record);
    if (this.#state === 'streaming') {
      if (record.type === RecordType.ops) return [{ do: 'frame', bytes: record.bytes }];
      if (record.type === RecordType.ping) {
        const { wallMs } = now;
        const pong = { sentMs: decodePing(record), receivedMs: wallMs, answeredMs: wallMs };
        return [{ do: 'send', record: encodePong(pong) }];
      }
    }
    throw new CorruptInput(`record of type ${record.type} came while ${this.#state}`);
  }

  tick(now: Instant): Effect[] {
    if (this.#state === 'closed') return [];
    if (now.nowMs - this.#heardMs >= SILENCE_MS_MAX) {
      const what = this.#state === 'greeting' ? 'no greeting' : 'nothing received';
      this.#state = 'closed';
      return [{ do: 'close', reason: `${what} for ${SILENCE_MS_MAX} ms` }];
    }
    if (this.#state !== 'streaming' || now.nowMs < this.#ackDueMs) return [];
    this.#ackedMs = now.nowMs;
    this.#hasNews = false;
    // Without entries it still says that this side is alive.
    const ack = encodeAck({ wallMs: now.wallMs, entries: this.#entries ?? [] });
    return [{ do: 'send', record: ack }];
  }

  get #ackDueMs(): number {
    return this.#ackedMs + (this.#hasNews ? ACK_EVERY_MS : ACK_IDLE_MS);
  }

  /** What became visible here. `tick` sends it when it is due. */
  acknowledge(entries: VersionEntries): void {
    this.#entries = entries;
    this.#hasNews = true;
  }

  /** In how many ms `tick` is to be called for an ack with news; undefined: there are none. */
  newsDueMs(now: Instant): number | undefined {
    if (!this.#hasNews || this.#state !== 'streaming') return undefined;
    return Math.max(0, this.#ackDueMs - now.nowMs);
  }

  want(want: Want): Effect[] {
    return this.#state === 'streaming' ? [{ do: 'send', record: encodeWant(want) }] : [];
  }

  #greeted(record: Record): Effect[] {
    const wrongProtocol = judgeProtocol(protocolOf(record));
    if (wrongProtocol !== undefined) return this.#refuse(wrongProtocol);
    const { identity, certificate, received } = this.#options;
    const hello = decodeHello(record);
    const refusal = judgeHello(hello, identity, certificate, undefined);
    if (refusal !== undefined) return this.#refuse(refusal);
    this.#state = 'streaming';
    return [
      {
        do: 'open',
        peer: hello.sender,
        software: hello.software,
        stale: saidInStep(hello, identity),
      },
      { do: 'send', record: encodeHello(helloFor(identity, hello.sender, received)) },
    ];
  }

  #tunnel(record: Record): Effect[] {
    const wrongProtocol = judgeProtocol(protocolOf(record));
    if (wrongProtocol !== undefined) return this.#refuse(wrongProtocol);
    const { identity, certificate } = this.#options;
    const request = decodeTunnel(record);
    const refusal = judgeHello(request, identity, certificate, undefined);
    if (refusal !== undefined) return this.#refuse(refusal);
    this.#state = 'closed';
    return [{ do: 'tunnel', request }];
  }

  #refuse(refusal: Refusal): Effect[] {
    this.#state = 'closed';
    return [
      { do: 'send', record: encodeRefusal(refusal) },
      { do: 'close', reason: refusal.message, refusal: { ...refusal, by: 'us' } },
    ];
  }
}
