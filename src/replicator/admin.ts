// The HTTP side of a replicator: what it does, and stopping and restoring its links. For operators and
// tools on the same host or network; it never answers with keys or values.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { z } from 'zod';
import { OperatorError } from '../base/errors.ts';
import type { ReplicaId } from '../model/version-vector.ts';

export interface AdminActions {
  status(): unknown;
  metrics(): Promise<{ contentType: string; text: string }>;
  /** Undefined: all peers. Throws OperatorError on a peer that is none. */
  cut(peers: readonly ReplicaId[] | undefined): void;
  heal(peers: readonly ReplicaId[] | undefined): void;
}

const peersSchema = z.strictObject({ peers: z.array(z.int()).optional() });
const BODY_BYTES_MAX = 64 * 1024;

/** Starts to answer at this address. Throws OperatorError when it is taken. */
export async function serveAdmin(
  address: { host: string; port: number },
  actions: AdminActions,
): Promise<Server> {
  const server = createServer((request, response) => {
    answer(request, response, actions).catch((error: unknown) => {
      const isOperatorError = error instanceof OperatorError;
      reply(response, isOperatorError ? 400 : 500, {
        error: {
          code: isOperatorError ? error.code : 'INTERNAL',
          message: error instanceof Error ? error.message : String(error),
          action: isOperatorError ? error.action : 'See the log of the replicator.',
        },
      });
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new OperatorError(
          error.code === 'EADDRINUSE' ? 'PORT_IN_USE' : 'ADMIN_ADDRESS',
          `the admin address ${address.host}:${address.port} cannot be used: ${error.message}`,
          'Choose another port for `admin` in the settings, or end the process that has it.',
        ),
      ),
    );
    server.listen(address.port, address.host, resolve);
  });
  return server;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  actions: AdminActions,
): Promise<void> {
  const route = `${request.method} ${request.url?.split('?')[0]}`;
  if (route === 'GET /status') {
    reply(response, 200, actions.status());
  } else if (route === 'GET /metrics') {
    const { contentType, text } = await actions.metrics();
    response.writeHead(200, { 'content-type': contentType }).end(text);
  } else if (route === 'POST /links/cut') {
    actions.cut(await peersOf(request));
    reply(response, 200, actions.status());
  } else if (route === 'POST /links/heal') {
    actions.heal(await peersOf(request));
    reply(response, 200, actions.status());
  } else {
    reply(response, 404, {
      error: {
        code: 'NOT_FOUND',
        message: `there is nothing at ${route}`,
        action: 'Use GET /status, GET /metrics, POST /links/cut or POST /links/heal.',
      },
    });
  }
}

async function peersOf(request: IncomingMessage): Promise<ReplicaId[] | undefined> {
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > BODY_BYTES_MAX) throw badBody('it is too long');
  }
  if (text === '') return undefined;
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    throw badBody(String(error));
  }
  const parsed = peersSchema.safeParse(body);
  if (!parsed.success) throw badBody(parsed.error.issues[0]?.message ?? 'it has other fields');
  return parsed.data.peers;
}

function badBody(why: string): OperatorError {
  return new OperatorError(
    'BAD_BODY',
    `the body of the request cannot be read: ${why}`,
    'Send {"peers":[<replica id>, ...]}, or nothing for all peers.',
  );
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response
    .writeHead(status, { 'content-type': 'application/json' })
    .end(`${JSON.stringify(body, null, 2)}\n`);
}
