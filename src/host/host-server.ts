// Where a host listens: mutual TLS, and nobody but the control plane gets in. A call is a POST of what the protocol
// has for it; what cannot be done is answered with a code, a reason and what to do.

import { readFileSync } from 'node:fs';
import { TLSSocket } from 'node:tls';
import Fastify from 'fastify';
import type { Logger } from 'pino';
import { OperatorError } from '../base/errors.ts';
import {
  type CallAnswer,
  type CallBody,
  CONTROL_NAME,
  HOST_CALLS,
  type HostCall,
} from '../group/host-protocol.ts';
import type { TlsFiles } from './host-files.ts';

export type Handlers = {
  readonly [Name in HostCall]: (body: CallBody<Name>) => Promise<CallAnswer<Name>>;
};

export interface HostServerOptions {
  readonly address: string;
  readonly port: number;
  readonly tls: TlsFiles;
  readonly handlers: Handlers;
  readonly log: Logger;
}

const BODY_BYTES_MAX = 1024 * 1024;
const FORBIDDEN = 403;

export interface HostServer {
  /** With a new certificate for connections to come. */
  renew(): void;
  close(): Promise<void>;
}

/** Listens. Throws OperatorError when it cannot. */
export async function serveHost(options: HostServerOptions): Promise<HostServer> {
  const { address, port, handlers, log } = options;
  const secure = () => ({
    ca: readFileSync(options.tls.caFile),
    cert: readFileSync(options.tls.certFile),
    key: readFileSync(options.tls.keyFile),
    minVersion: 'TLSv1.3' as const,
  });
  const server = Fastify({
    https: { ...secure(), requestCert: true, rejectUnauthorized: true },
    bodyLimit: BODY_BYTES_MAX,
    forceCloseConnections: true,
    logger: false,
  });
  server.addHook('onRequest', async (request, reply) => {
    const { socket } = request.raw;
    const name = socket instanceof TLSSocket ? socket.getPeerCertificate().subject?.CN : undefined;
    if (name === CONTROL_NAME) return;
    const error = { code: 'NOT_THE_CONTROL_PLANE', message: 'only the control plane gets in' };
    await reply.code(FORBIDDEN).send({ error: { ...error, action: 'Ask the control plane.' } });
  });
  server.setErrorHandler((error, _request, reply) => {
    const isKnown = error instanceof OperatorError;
    if (!isKnown) log.error({ err: error }, 'a call failed');
    const message = error instanceof Error ? error.message : String(error);
    return reply.code(isKnown ? 409 : 500).send({
      error: {
        code: isKnown ? error.code : 'HOST_FAILED',
        message,
        action: isKnown ? error.action : 'See the log of the host.',
      },
    });
  });
  for (const name of Object.keys(HOST_CALLS) as HostCall[]) {
    // Of the table's own row; the compiler does not follow a table that far.
    const handle = handlers[name] as (body: unknown) => Promise<unknown>;
    server.post(`/${name}`, async (request) => {
      const parsed = HOST_CALLS[name].body.safeParse(request.body);
      if (parsed.success) return await handle(parsed.data);
      const [issue] = parsed.error.issues;
      throw new OperatorError(
        'CALL_INVALID',
        `${name}: ${issue?.path.join('.')}: ${issue?.message}`,
        'The control plane and the host have to be of the same version.',
      );
    });
  }
  try {
    await server.listen({ host: address, port });
  } catch (error) {
    await server.close();
    throw new OperatorError(
      'LISTEN_FAILED',
      `the host cannot listen on ${address}:${port}: ${error instanceof Error ? error.message : String(error)}`,
      'Choose another --port or --address, or stop what listens there.',
    );
  }
  return { renew: () => server.server.setSecureContext(secure()), close: () => server.close() };
}
