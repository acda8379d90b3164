// A control plane for a test, and a client of it that polls as published clients do. Whatever it started is gone
// when it is closed, also what outlived a control plane that was killed.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { ControlPlane, type ControlPlaneOptions } from '../../../src/control/control-plane.ts';
import type { Credentials } from '../../../src/control/identity/principals.ts';
import { processesWith, stopProcess } from '../../../src/engine/pid.ts';

export const VERSION = '2024-09-01-preview';
const OVER_WITHIN_MS = 120_000;
const POLL_MS = 150;

/** A body as tests look into it. */
export type Json = null | string | number | boolean | Json[] | { [name: string]: Json };

export interface Reply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Json;
}

export interface RawReply extends Omit<Reply, 'body'> {
  readonly text: string;
}

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'atoll-control-'));
}

export function planeOptions(dir: string): ControlPlaneOptions {
  return {
    ...{ dir, version: 'test', host: '127.0.0.1', port: 0, plain: true },
    log: pino({ level: process.env.CONTROL_TEST_LOG ?? 'fatal' }),
    sizing: 'development',
    memoryBytes: 8 * 1024 ** 3,
  };
}

export async function startPlane(
  dir: string,
  changes: Partial<ControlPlaneOptions> = {},
): Promise<ControlPlane> {
  return await ControlPlane.start({ ...planeOptions(dir), ...changes });
}

/** Ends every process of the folder, by its id, and removes it. */
export async function removeFolder(dir: string): Promise<void> {
  await Promise.all(processesWith(`${dir}/`).map((one) => stopProcess(one, 3_000)));
  rmSync(dir, { recursive: true, force: true });
}

export interface SendOptions {
  readonly body?: string;
  readonly type?: string;
  readonly headers?: http.OutgoingHttpHeaders;
  /** Keeps the connection; default: each request has its own. */
  readonly agent?: https.Agent;
}

export class ControlClient {
  readonly url: string;
  readonly subscription: string;
  readonly #ca: Buffer | undefined;
  #token = '';

  constructor(plane: { url: string; subscription: string; caFile: string | null }) {
    this.url = plane.url;
    this.subscription = plane.subscription;
    this.#ca = plane.caFile === null ? undefined : readFileSync(plane.caFile);
  }

  async signIn({ clientId, clientSecret }: Credentials): Promise<void> {
    const form = new URLSearchParams({
      ...{ grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret },
      scope: `${this.url}/.default`,
    });
    const reply = await this.send('POST', '/common/oauth2/v2.0/token', {
      body: form.toString(),
      type: 'application/x-www-form-urlencoded',
    });
    this.#token = String(at(reply.body, 'access_token'));
    assert.equal(reply.status, 200);
  }

  get token(): string {
    return this.#token;
  }

  /** `path` behind the subscription. */
  async call(method: string, path: string, body?: object, version = VERSION): Promise<Reply> {
    return await this.send(
      method,
      `/subscriptions/${this.subscription}${path}?api-version=${version}`,
      {
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      },
    );
  }

  /** The same, and waits until what it begins has ended; the status it ended with. */
  async finish(method: string, path: string, body?: object): Promise<string> {
    const reply = await this.call(method, path, body);
    assert.ok(reply.status < 300, `${method} ${path}: ${JSON.stringify(reply.body)}`);
    return await this.over(reply);
  }

  async over({ headers }: Reply): Promise<string> {
    const url = headers['azure-asyncoperation'] ?? headers.location;
    if (url === undefined) return 'Succeeded';
    const deadlineMs = performance.now() + OVER_WITHIN_MS;
    for (;;) {
      const reply = await this.send('GET', String(url).slice(this.url.length));
      const status = at(reply.body, 'status');
      if (status === undefined && reply.status !== 202) {
        return reply.status < 300 ? 'Succeeded' : JSON.stringify(reply.body);
      }
      if (status === 'Succeeded') return 'Succeeded';
      if (status === 'Failed') return JSON.stringify(at(reply.body, 'error'));
      assert.equal(reply.headers['retry-after'], '1');
      assert.ok(performance.now() < deadlineMs, `${url} is over`);
      await delay(POLL_MS);
    }
  }

  async send(method: string, path: string, options: SendOptions = {}): Promise<Reply> {
    const { text, ...reply } = await this.sendRaw(method, path, options);
    return { ...reply, body: text === '' ? null : JSON.parse(text) };
  }

  /** The same where the answer is no JSON. */
  async sendRaw(method: string, path: string, options: SendOptions = {}): Promise<RawReply> {
    const { promise, resolve, reject } = Promise.withResolvers<RawReply>();
    const request = (this.#ca === undefined ? http : https).request(
      `${this.url}${path}`,
      {
        method,
        agent: options.agent ?? false,
        ...(this.#ca === undefined ? {} : { ca: this.#ca }),
        headers: {
          ...(this.#token === '' ? {} : { authorization: `Bearer ${this.#token}` }),
          'content-type': options.type ?? 'application/json',
          ...options.headers,
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          const { statusCode: status = 0, headers } = response;
          resolve({ status, headers, text });
        });
        response.on('error', reject);
      },
    );
    request.on('error', reject);
    request.end(options.body);
    return await promise;
  }
}

/** What stands somewhere in a body. */
export function at(
  body: Json | undefined,
  ...path: readonly (string | number)[]
): Json | undefined {
  let value = body;
  for (const name of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Array.isArray(value) ? value[Number(name)] : value[String(name)];
  }
  return value;
}

/** A client of a database, as its owner would connect. */
export async function connectDatabase(
  client: ControlClient,
  cluster: string,
  ca: Buffer | undefined,
): Promise<Redis> {
  const shown = await client.call('GET', cluster);
  const database = await client.call('GET', `${cluster}/databases/default`);
  const keys = await client.call('POST', `${cluster}/databases/default/listKeys`);
  const redis = new Redis({
    host: String(at(shown.body, 'properties', 'hostName')),
    port: Number(at(database.body, 'properties', 'port')),
    password: String(at(keys.body, 'primaryKey')),
    ...(at(database.body, 'properties', 'clientProtocol') === 'Encrypted' ? { tls: { ca } } : {}),
    lazyConnect: true,
    retryStrategy: () => null,
    disableClientInfo: true,
    // A member that is being filled refuses INFO, and says so when it is asked for something else.
    enableReadyCheck: false,
  });
  redis.on('error', () => {});
  await redis.connect();
  return redis;
}
