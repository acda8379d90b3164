// The newcomer asks its donor for a tunnel.

import type { Socket } from 'node:net';
import { CorruptInput, OperatorError } from '../../base/errors.ts';
import { type Record, RecordReader, RecordType } from '../../wire/record.ts';
import type { Member, ReplicatorConfig } from '../config.ts';
import { type Certificate, judgeCertificate } from '../link/greeting.ts';
import {
  decodeRefusal,
  encodeTunnel,
  LINK_PROTOCOL,
  type Refusal,
  type TunnelRequest,
} from '../link/messages.ts';
import type { Transport } from '../link/transport.ts';
import type { Passage } from './forward.ts';

/** The donor answers for the log once the newcomer has caught up, which it waits for 30 s. */
const ANSWER_MS_MAX = 45_000;
const KEEPALIVE_MS = 5000;

/** Refusals that time does not mend. */
const FINAL_CODES: ReadonlySet<string> = new Set([
  'protocol',
  'group',
  'shard',
  'identity',
  'certificate',
  'no-tunnels',
]);

/** The donor does not open a tunnel. */
export class TunnelRefused extends OperatorError {
  /** Asking again leads to the same. */
  readonly isFinal: boolean;

  constructor({ code, message, action }: Refusal) {
    super('JOIN_REFUSED', `the donor refused the new member (${code}): ${message}`, action);
    this.isFinal = FINAL_CODES.has(code);
  }
}

/** A tunnel that stands: the socket is paused; the reader has what was read behind the answer. */
export interface OpenTunnel {
  readonly socket: Socket;
  readonly reader: RecordReader;
  readonly answer: Record;
}

export interface TunnelWish {
  readonly config: Pick<ReplicatorConfig, 'group' | 'shard' | 'epoch' | 'self'>;
  readonly transport: Transport;
  readonly donor: Member;
  readonly purpose: 'engine' | 'log' | 'keys';
  /** The snapshot may come as a difference to what is held here. */
  readonly delta?: TunnelRequest['delta'];
  readonly signal: AbortSignal;
  /** What comes behind the answer waits there; the socket has no `data`. */
  readonly passage?: Passage | undefined;
}

/** Rejects with TunnelRefused, or with why there is no connection. */
export function openTunnel(wish: TunnelWish): Promise<OpenTunnel> {
  const { transport, donor, signal, passage } = wish;
  return new Promise((resolve, reject) => {
    const reader = new RecordReader();
    const onReady = (certificate: Certificate): void => {
      const wrong = judgeDonor(certificate, donor);
      if (wrong === undefined) socket.write(encodeTunnel(requestOf(wish)));
      else fail(new TunnelRefused(wrong));
    };
    passage?.listen(() => onData(passage.queue.take()));
    const socket = transport.dial(donor.host, donor.port, onReady, passage?.onread);
    const onAbort = (): void => fail(new Error('ended'));
    const onError = (error: Error): void => fail(error);
    const onClose = (): void => fail(new Error('the donor closed the connection'));
    const timer = setTimeout(() => fail(new Error('the donor does not answer')), ANSWER_MS_MAX);
    const settle = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      passage?.listen(() => {});
      socket.off('data', onData).off('close', onClose).off('error', onError);
      // Whoever takes the socket adds his own; until then an error must not end the process.
      socket.on('error', () => {});
    };
    function fail(error: Error): void {
      settle();
      socket.destroy();
      reject(error);
    }
    function onData(chunk: Buffer): void {
      try {
        reader.feed(chunk);
        const record = reader.next();
        if (record === undefined) return;
        if (record.type === RecordType.refused) throw new TunnelRefused(decodeRefusal(record));
        if (record.type !== RecordType.tunnelled) throw new CorruptInput('not a tunnel answer');
        socket.pause();
        settle();
        resolve({ socket, reader, answer: record });
      } catch (error) {
        if (error instanceof CorruptInput || error instanceof TunnelRefused) fail(error);
        else throw error;
      }
    }
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEPALIVE_MS);
    socket.on('data', onData).on('close', onClose).on('error', onError);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

function requestOf({ config, donor, purpose, delta }: TunnelWish): TunnelRequest {
  const { group, shard, epoch, self } = config;
  return {
    protocol: LINK_PROTOCOL,
    group,
    shard,
    epoch,
    sender: self,
    target: donor.id,
    purpose,
    delta,
  };
}

function judgeDonor(certificate: Certificate, donor: Member): Refusal | undefined {
  const untrusted = judgeCertificate(certificate);
  if (untrusted !== undefined) return untrusted;
  if (certificate.kind !== 'trusted' || certificate.name === donor.region) return undefined;
  return {
    code: 'certificate',
    message: `the donor should be of region "${donor.region}", its certificate is for "${certificate.name}"`,
    action: `check host and port of region "${donor.region}" among the members`,
  };
}
