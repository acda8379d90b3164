// Requests to a control plane as the one who is logged in: with a token, in a version of the API, followed until
// they are over. Whatever is refused comes as ArmFailure.

import { setTimeout as delay } from 'node:timers/promises';
import { OperatorError } from '../../base/errors.ts';
import type { Account } from './account-file.ts';
import { failureOf } from './failure.ts';
import { at, type Json, listAt } from './json.ts';
import { pollAt, progressIn, type Reply, waitMs } from './polling.ts';
import { tokenOf } from './sign-in.ts';
import { send } from './transport.ts';

export interface Request {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'PATCH' | 'POST' | 'DELETE';
  readonly path: string;
  readonly version: string;
  readonly body?: Json;
}

export interface ClientOptions {
  readonly account: Account;
  /** Goes into the activity log with every change. */
  readonly reason?: string | undefined;
  /** Told of an operation under way; null: it is over. */
  readonly onProgress?: (state: string | null) => void;
}

const BUSY_RETRIES = 3;
/** A control plane that is started again goes on with what it had begun. */
const GONE_WITHIN_MS = 15_000;
const GONE_POLL_MS = 500;
const PAGES_MAX = 1_000;

export class ArmClient {
  readonly #account: Account;
  readonly #reason: string | undefined;
  readonly #onProgress: (state: string | null) => void;

  constructor({ account, reason, onProgress }: ClientOptions) {
    this.#account = account;
    this.#reason = reason;
    this.#onProgress = onProgress ?? (() => {});
  }

  async get(path: string, version: string): Promise<Json> {
    return (await this.#accepted({ method: 'GET', path, version })).body ?? null;
  }

  /** All pages of a list. */
  async list(path: string, version: string): Promise<Json[]> {
    const found: Json[] = [];
    let next: string | null = `${path}?api-version=${version}`;
    for (let pages = 0; next !== null && pages < PAGES_MAX; pages++) {
      const { status, body } = await this.#send('GET', next);
      if (status >= 400) throw failureOf(status, body);
      found.push(...listAt(body, 'value'));
      const link = at(body, 'nextLink');
      next = typeof link === 'string' && link !== '' ? link : null;
    }
    return found;
  }

  /** Whether something is there. */
  async exists(request: Request): Promise<boolean> {
    const { status, body } = await this.#ask(request);
    if (status === 404) return false;
    if (status >= 400) throw failureOf(status, body);
    return true;
  }

  /** Asks for a change and does not wait for its end. */
  async begin(request: Request): Promise<Json | undefined> {
    return (await this.#accepted(request)).body;
  }

  /** Asks for a change and returns when it is over: what the resource is then, or what an action answered. */
  async finish(request: Request): Promise<Json | undefined> {
    const first = await this.#accepted(request);
    try {
      return await this.#followed(request, first);
    } finally {
      this.#onProgress(null);
    }
  }

  async #followed(request: Request, first: Reply): Promise<Json | undefined> {
    const { method, path, version } = request;
    const place = pollAt(method, path, first);
    if (place === null) return first.body;
    let reply = first;
    for (let questions = 0; ; questions++) {
      await delay(waitMs(questions, reply.headers));
      reply = await this.#patiently(withVersion(place.path, version));
      const { isOver, state } = progressIn(place, reply);
      if (isOver) break;
      this.#onProgress(state);
    }
    if (method === 'PUT' || method === 'PATCH') return await this.get(path, version);
    return place.kind === 'result' ? reply.body : undefined;
  }

  async #patiently(path: string): Promise<Reply> {
    const deadlineMs = performance.now() + GONE_WITHIN_MS;
    for (;;) {
      try {
        return await this.#send('GET', path);
      } catch (error) {
        const isGone = error instanceof OperatorError && error.code === 'CONTROL_UNREACHABLE';
        if (!isGone || performance.now() > deadlineMs) throw error;
        await delay(GONE_POLL_MS);
      }
    }
  }

  async #accepted(request: Request): Promise<Reply> {
    const reply = await this.#ask(request);
    if (reply.status >= 400) throw failureOf(reply.status, reply.body);
    return reply;
  }

  async #ask({ method, path, version, body }: Request): Promise<Reply> {
    return await this.#send(method, withVersion(path, version), body);
  }

  async #send(method: string, path: string, body?: Json): Promise<Reply> {
    let isRefused = false;
    for (let tries = 0; ; tries++) {
      const reply = await send(this.#account, {
        ...{ method, path },
        headers: {
          authorization: `Bearer ${await tokenOf(this.#account, isRefused)}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(this.#reason === undefined ? {} : { 'x-atoll-reason': this.#reason }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const isBusy = reply.status === 429 || reply.status === 503;
      if (reply.status === 401 && !isRefused) isRefused = true;
      else if (isBusy && tries < BUSY_RETRIES) await delay(waitMs(Infinity, reply.headers));
      else return reply;
    }
  }
}

function withVersion(path: string, version: string): string {
  if (/[?&]api-version=/.test(path)) return path;
  return `${path}${path.includes('?') ? '&' : '?'}api-version=${version}`;
}
