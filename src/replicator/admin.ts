// The HTTP side of a replicator: what it does, and stopping and restoring its links. For operators and
// tools on the same host or network. It answers with keys that were in conflict, and with what was written
// to them only where the settings say so; never with what the engine holds.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { z } from 'zod';
import { OperatorError } from '../base/errors.ts';
import { printable } from '../base/printable.ts';
import type { ReplicaId } from '../model/version-vector.ts';
import type { ConflictsAnswer, KeyAnswer } from './answers.ts';
import { clockLimitSchema } from './config.ts';
import type { ConflictQuery } from './inquiries.ts';
import type { JoinProgress } from './join/progress.ts';
import type { ClockSetting } from './watch.ts';

export interface AdminActions {
  status(): unknown;
  /** How the join went with which this process began; null: with none. */
  join(): JoinProgress | null;
  metrics(): Promise<{ contentType: string; text: string }>;
  conflicts(query: ConflictQuery): ConflictsAnswer;
  /** `key` is latin1. */
  key(key: string): KeyAnswer;
  /** Undefined: all peers. Throws OperatorError on a peer that is none. */
  cut(peers: readonly ReplicaId[] | undefined): void;
  heal(peers: readonly ReplicaId[] | undefined): void;
  /** Until the replicator ends. */
  setClock(setting: ClockSetting): void;
}

const peersSchema = z.strictObject({ peers: z.array(z.int()).optional() });
const DAY_MS = 86_400_000;
const clockSchema = z.strictObject({
  maxAheadMs: clockLimitSchema.optional(),
  shiftMs: z.number().min(-DAY_MS).max(DAY_MS).optional(),
});
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
  await listen(server, address);
  return server;
}

/** While a member joins there is nothing else to tell: GET /join. Throws OperatorError as `serveAdmin`. */
export async function serveJoin(
  address: { host: string; port: number },
  progress: () => JoinProgress | null,
): Promise<Server> {
  const server = createServer((request, response) => {
    if (request.url === '/join') reply(response, 200, progress());
    else {
      reply(response, 503, {
        error: {
          code: 'JOINING',
          message: 'this member is being filled and does not replicate yet',
          action: 'Wait until it is linked; GET /join tells how far it is.',
        },
      });
    }
  });
  await listen(server, address);
  return server;
}

async function listen(server: Server, address: { host: string; port: number }): Promise<void> {
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
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  actions: AdminActions,
): Promise<void> {
  const [path, query = ''] = (request.url ?? '').split('?');
  const route = `${request.method} ${path}`;
  if (route === 'GET /status') {
    reply(response, 200, actions.status());
  } else if (route === 'GET /join') {
    reply(response, 200, actions.join());
  } else if (route === 'GET /metrics') {
    const { contentType, text } = await actions.metrics();
    response.writeHead(200, { 'content-type': contentType }).end(text);
  } else if (route === 'GET /conflicts') {
    reply(response, 200, actions.conflicts(conflictQuery(query)));
  } else if (route === 'GET /keys') {
    reply(response, 200, actions.key(namedKey(query)));
  } else if (route === 'POST /links/cut') {
    actions.cut(await peersOf(request));
    reply(response, 200, actions.status());
  } else if (route === 'POST /links/heal') {
    actions.heal(await peersOf(request));
    reply(response, 200, actions.status());
  } else if (route === 'POST /clock') {
    const wanted = 'Send {"maxAheadMs":<ms>}; or, to practise, {"shiftMs":<ms>}.';
    actions.setClock(await bodyOf(request, clockSchema, wanted));
    reply(response, 200, actions.status());
  } else {
    reply(response, 404, {
      error: {
        code: 'NOT_FOUND',
        message: `there is nothing at ${route}`,
        action:
          'Use GET /status, /metrics, /conflicts or /keys?key=..., or POST /links/cut, /links/heal or /clock.',
      },
    });
  }
}

function conflictQuery(query: string): ConflictQuery {
  const limit = parameter(query, 'limit');
  if (limit !== undefined && !/^\d{1,9}$/.test(limit)) {
    const message = `limit is not a whole number: ${printable(limit)}`;
    throw new OperatorError('BAD_QUERY', message, 'Use GET /conflicts?limit=100&key=...');
  }
  const limited = limit === undefined ? undefined : Number(limit);
  return { key: parameter(query, 'key'), limit: limited };
}

function namedKey(query: string): string {
  const key = parameter(query, 'key');
  if (key !== undefined) return key;
  const action = 'Use GET /keys?key=... with the bytes of the key, percent-encoded.';
  throw new OperatorError('BAD_QUERY', 'no key is named', action);
}

/** Its bytes as latin1: a key need not be text. */
function parameter(query: string, name: string): string | undefined {
  const found = query.split('&').find((part) => part.startsWith(`${name}=`));
  return found?.slice(name.length + 1).replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => {
    return String.fromCharCode(Number.parseInt(hex, 16));
  });
}

async function peersOf(request: IncomingMessage): Promise<ReplicaId[] | undefined> {
  const wanted = 'Send {"peers":[<replica id>, ...]}, or nothing for all peers.';
  return (await bodyOf(request, peersSchema, wanted)).peers;
}

/** An empty body is an empty object. `wanted` is told to who sends something else. */
async function bodyOf<T>(
  request: IncomingMessage,
  schema: z.ZodType<T>,
  wanted: string,
): Promise<T> {
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > BODY_BYTES_MAX) throw badBody('it is too long', wanted);
  }
  let body: unknown;
  try {
    body = JSON.parse(text === '' ? '{}' : text);
  } catch (error) {
    throw badBody(String(error), wanted);
  }
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw badBody(parsed.error.issues[0]?.message ?? 'it has other fields', wanted);
}

function badBody(why: string, wanted: string): OperatorError {
  return new OperatorError('BAD_BODY', `the body of the request cannot be read: ${why}`, wanted);
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response
    .writeHead(status, { 'content-type': 'application/json' })
    .end(`${JSON.stringify(body, null, 2)}\n`);
}
