// Sockets between replicators: mutual TLS with the group's own CA, or plain TCP on loopback.
//
// TLS is told not to reject unauthorized peers because a rejection there is a bare reset that no
// operator can read. Instead the verdict is handed to the session together with the socket, which
// answers an untrusted peer with a refusal before it reads a single record of it.

import { readFileSync } from 'node:fs';
import net, { type OnReadOpts, type Server, type Socket } from 'node:net';
import tls, { type TLSSocket } from 'node:tls';
import { OperatorError } from '../../base/errors.ts';
import type { ReplicatorConfig } from '../config.ts';
import type { Certificate } from './greeting.ts';

/** A peer that starts a handshake and falls silent is let go. */
const HANDSHAKE_MS_MAX = 5000;

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (net.isIPv4(host) && host.startsWith('127.'));
}

export class Transport {
  readonly #secure: { ca: Buffer; cert: Buffer; key: Buffer } | undefined;

  constructor({ tls: files, members }: Pick<ReplicatorConfig, 'tls' | 'members'>) {
    if (files !== null) {
      this.#secure = {
        ca: readPem(files.caFile),
        cert: readPem(files.certFile),
        key: readPem(files.keyFile),
      };
      return;
    }
    const distant = members.find(({ host }) => !isLoopback(host));
    if (distant !== undefined) {
      throw new OperatorError(
        'plain-link',
        `links without TLS are allowed on loopback only, but region "${distant.region}" is at ${distant.host}`,
        'set tls with the CA, certificate and key files of this replicator',
      );
    }
  }

  /**
   * `onReady` is called when the connection stands and the peer's certificate is judged. With `onread`
   * what is read goes there, and never comes as `data`.
   */
  dial(
    host: string,
    port: number,
    onReady: (certificate: Certificate) => void,
    onread?: OnReadOpts,
  ): Socket {
    const reading = onread === undefined ? {} : { onread };
    if (this.#secure === undefined) {
      const socket = net.connect({ host, port, ...reading });
      socket.once('connect', () => onReady({ kind: 'plain' }));
      return socket;
    }
    const socket = tls.connect({
      host,
      port,
      ...reading,
      ...this.#secure,
      minVersion: 'TLSv1.3',
      rejectUnauthorized: false,
      // The name in the certificate is a region, not a host: the session compares it.
      checkServerIdentity: () => undefined,
    });
    socket.once('secureConnect', () => onReady(judge(socket)));
    return socket;
  }

  server(
    onSocket: (socket: Socket, certificate: Certificate) => void,
    onBroken: (reason: string) => void,
  ): Server {
    if (this.#secure === undefined) {
      return net.createServer((socket) => onSocket(socket, { kind: 'plain' }));
    }
    const server = tls.createServer(
      {
        ...this.#secure,
        minVersion: 'TLSv1.3',
        requestCert: true,
        rejectUnauthorized: false,
        handshakeTimeout: HANDSHAKE_MS_MAX,
      },
      (socket) => onSocket(socket, judge(socket)),
    );
    server.on('tlsClientError', (error) => onBroken(error.message));
    return server;
  }
}

function judge(socket: TLSSocket): Certificate {
  if (!socket.authorized) {
    const reason: unknown = socket.authorizationError;
    return { kind: 'untrusted', reason: reason instanceof Error ? reason.message : String(reason) };
  }
  // We never resume sessions, and a resumed one can pass as authorized without any certificate.
  if (socket.isSessionReused()) return { kind: 'untrusted', reason: 'resumed session' };
  const name: unknown = socket.getPeerCertificate().subject?.CN;
  if (typeof name !== 'string') return { kind: 'untrusted', reason: 'no single common name' };
  return { kind: 'trusted', name };
}

function readPem(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new OperatorError(
      'tls-file',
      `cannot read ${path}: ${error instanceof Error ? error.message : error}`,
      'check the tls paths of the configuration',
    );
  }
}

/** Listens, or says which port is taken. */
export function listenOn(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      const isTaken = error.code === 'EADDRINUSE';
      reject(
        new OperatorError(
          isTaken ? 'port-in-use' : 'listen-failed',
          isTaken
            ? `port ${port} on ${host}, for links with other replicators, is in use`
            : `cannot listen for other replicators on ${host} port ${port}: ${error.message}`,
          isTaken
            ? 'stop the process that listens there, or give this member another port'
            : 'check host and port of this member',
        ),
      );
    };
    server.once('error', failed);
    server.listen({ host, port }, () => {
      server.off('error', failed);
      resolve();
    });
  });
}
