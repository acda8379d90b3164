// Calls a host on another machine, with mutual TLS. How to reach it stands in a file, so that every process that has
// the folder can call it: the control plane, and the supervisors of groups.

import { readFileSync } from 'node:fs';
import https from 'node:https';
import { z } from 'zod';
import { OperatorError } from '../base/errors.ts';
import {
  type CallAnswer,
  type CallBody,
  HOST_CALLS,
  type HostCall,
  hostFault,
  hostName,
  hostServerName,
} from './host-protocol.ts';

const hostFileSchema = z.strictObject({
  name: hostName,
  address: z.string(),
  port: z.int().min(1).max(65_535),
  caFile: z.string(),
  certFile: z.string(),
  keyFile: z.string(),
});
export type HostFile = z.infer<typeof hostFileSchema>;

const ANSWER_MS_MAX = 15_000;
const CONNECT_MS_MAX = 5_000;
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;
const AGENTS = new Map<string, https.Agent>();

export class HostClient {
  readonly #file: string;

  /** `file`: of this host; it may come and go. */
  constructor(file: string) {
    this.#file = file;
  }

  /** Null: nobody knows this host any more. */
  read(): HostFile | null {
    let text = '';
    try {
      text = readFileSync(this.#file, 'utf8');
    } catch {
      return null;
    }
    return hostFileSchema.parse(JSON.parse(text));
  }

  /** Throws OperatorError: HOST_FORGOTTEN, HOST_UNREACHABLE, or what stood against it there. */
  async call<Name extends HostCall>(
    name: Name,
    body: CallBody<Name>,
    timeoutMs: number = ANSWER_MS_MAX,
  ): Promise<CallAnswer<Name>> {
    const host = this.read();
    if (host === null) throw forgotten(this.#file);
    const { status, text } = await posted(host, `/${name}`, JSON.stringify(body), timeoutMs);
    if (status === 200) {
      const parsed = HOST_CALLS[name].answer.safeParse(JSON.parse(text));
      // The schema is that of this very call; the compiler does not follow a table that far.
      if (parsed.success) return parsed.data as CallAnswer<Name>;
      throw unreachable(host, `${name}: ${parsed.error.issues[0]?.message}`);
    }
    throw faultIn(text) ?? unreachable(host, `${name}: status ${status}`);
  }
}

/** Once more when the connection was an old one that the host had given up: every call may come again. */
async function posted(host: HostFile, path: string, body: string, timeoutMs: number) {
  try {
    return await post(host, path, body, timeoutMs);
  } catch (first) {
    try {
      if (!isReset(first)) throw first;
      return await post(host, path, body, timeoutMs);
    } catch (error) {
      throw unreachable(host, error instanceof Error ? error.message : String(error));
    }
  }
}

function isReset(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ECONNRESET';
}

function faultIn(text: string): OperatorError | null {
  try {
    const { error } = hostFault.parse(JSON.parse(text));
    return new OperatorError(error.code, error.message, error.action);
  } catch {
    return null;
  }
}

function post(host: HostFile, path: string, body: string, timeoutMs: number) {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const request = https.request(
    {
      ...{ host: host.address, port: host.port, path, method: 'POST', agent: agentOf(host) },
      signal: AbortSignal.timeout(timeoutMs),
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    },
    (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > ANSWER_BYTES_MAX) request.destroy(new Error('its answer is too long'));
        else chunks.push(chunk);
      });
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          text: Buffer.concat(chunks).toString('utf8'),
        }),
      );
      response.on('error', reject);
    },
  );
  // A machine that is gone refuses nothing: it says nothing.
  const late = setTimeout(
    () => request.destroy(new Error('no connection within 5 s')),
    CONNECT_MS_MAX,
  );
  request.once('socket', (socket) => {
    if (socket.connecting) socket.once('secureConnect', () => clearTimeout(late));
    else clearTimeout(late);
  });
  request.once('close', () => clearTimeout(late));
  request.on('error', reject);
  request.end(body);
  return promise;
}

/** Connections are kept; with what they prove is read when the first is made. */
function agentOf(host: HostFile): https.Agent {
  const key = JSON.stringify(host);
  const known = AGENTS.get(key);
  if (known !== undefined) return known;
  const agent = new https.Agent({
    keepAlive: true,
    ca: readFileSync(host.caFile),
    cert: readFileSync(host.certFile),
    key: readFileSync(host.keyFile),
    servername: hostServerName(host.name),
  });
  AGENTS.set(key, agent);
  return agent;
}

function forgotten(file: string): OperatorError {
  return new OperatorError(
    'HOST_FORGOTTEN',
    `the host of ${file} is not in the inventory any more`,
    'Enrol it again with a new token, or delete what was placed there.',
  );
}

function unreachable({ name, address, port }: HostFile, why: string): OperatorError {
  return new OperatorError(
    'HOST_UNREACHABLE',
    `host ${name} (${address}:${port}) does not answer: ${why}`,
    'Make sure that `atoll host` runs there and can be reached; `GET /hosts` shows when it was last seen.',
  );
}
