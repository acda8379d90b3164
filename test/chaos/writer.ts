// A client of one region that writes without end whatever happens to the region, and records what it was
// answered. Everything it writes has an outcome that can be told afterwards.

import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { GroupMember } from '../../src/group/group-file.ts';
import type { LocalGroup } from '../../src/group/local-group.ts';
import type { Random } from '../sim/random.ts';
import type { Container, History } from './history.ts';

const RECONNECT_MS = 100;
/** Whoever was refused does not ask again at once. */
const REFUSED_MS = 50;
const PAUSE_MS_MAX = 24;
/** How many of a kind there are. */
const KEYS = 3;
const REMEMBERED = 200;
/** Expires long after the run. */
const LATE_SECONDS = 7200;
export const SOON_MS_MAX = 5_000;

interface Known {
  readonly container: Container;
  readonly key: string;
  readonly element: string;
}

/** What all clients know of what others have added: they remove it somewhere else. */
export class Elements {
  readonly #known: Known[] = [];

  add(known: Known, random: Random): void {
    if (this.#known.length < REMEMBERED) this.#known.push(known);
    else this.#known[random.below(REMEMBERED)] = known;
  }

  take(random: Random): Known | undefined {
    const at = random.below(this.#known.length);
    const taken = this.#known[at];
    const last = this.#known.pop();
    if (last !== undefined && last !== taken) this.#known[at] = last;
    return taken;
  }
}

export interface WriterOptions {
  readonly group: LocalGroup;
  readonly region: string;
  readonly password: string;
  /** Unique in the run. */
  readonly name: string;
  readonly random: Random;
  readonly history: History;
  readonly elements: Elements;
}

export class Writer {
  readonly #options: WriterOptions;
  #client: Redis | null = null;
  #unique = 0;
  #version = 0;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  async run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const client = await this.#connected(stop);
      if (client === null) await delay(RECONNECT_MS);
      else {
        await this.#write(client);
        await delay(this.#options.random.below(PAUSE_MS_MAX));
      }
    }
    this.#client?.disconnect();
  }

  async #connected(stop: AbortSignal): Promise<Redis | null> {
    if (this.#client?.status === 'ready') return this.#client;
    this.#client?.disconnect();
    // Disconnected once more, it would wait for its socket once more.
    this.#client = null;
    const { group, region } = this.#options;
    const member = group.members.find((one) => one.region === region);
    if (member === undefined) return null;
    try {
      this.#client = await connect(member, this.#options.password, stop);
      return this.#client;
    } catch {
      return null;
    }
  }

  /** Resolves to the answer; 'refused' when it was an error, 'none' when none came. */
  async #send(client: Redis, name: string, ...args: string[]): Promise<Reply> {
    try {
      const value = await client.call(name, ...args);
      return { value, answeredAtMs: Date.now() };
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'ReplyError') return 'none';
      this.#options.history.refused++;
      await delay(REFUSED_MS);
      return 'refused';
    }
  }

  async #write(client: Redis): Promise<void> {
    const { random } = this.#options;
    switch (random.below(14)) {
      case 0:
      case 1:
      case 2:
        return await this.#count(client);
      case 3:
      case 4:
        return await this.#setVersion(client);
      case 5:
      case 6:
        return await this.#remove(client);
      case 7:
        return await this.#pop(client);
      case 8: {
        const soonMs = 300 + random.below(SOON_MS_MAX - 300);
        await this.#send(client, 'SET', `soon:${this.#name()}`, '1', 'PX', String(soonMs));
        return;
      }
      default:
        return await this.#add(client);
    }
  }

  async #count(client: Redis): Promise<void> {
    const { random, history, region } = this.#options;
    const by = 1 + random.below(9);
    const at = `${random.below(KEYS)}`;
    const isField = random.chance(0.3);
    const key = isField ? `counts ${at}` : `count:${at}`;
    const reply = isField
      ? await this.#send(client, 'HINCRBY', 'counts', at, String(by))
      : await this.#send(client, 'INCRBY', key, String(by));
    if (reply !== 'refused') history.counted.push({ region, key, by, answeredAtMs: timeOf(reply) });
  }

  /** Nobody else writes the register: what it shows at the end is not older than the last that is certain. */
  async #setVersion(client: Redis): Promise<void> {
    const { history, region, name } = this.#options;
    const version = ++this.#version;
    const key = `register:${name}`;
    const reply = await this.#send(client, 'SET', key, String(version));
    if (reply === 'refused') return;
    history.versions.push({ region, key, version, answeredAtMs: timeOf(reply) });
    // Many write this one: it only has to be the same everywhere.
    await this.#send(client, 'SET', 'register:shared', `${name} ${version}`);
  }

  async #add(client: Redis): Promise<void> {
    const { random, history, region, elements } = this.#options;
    const container = random.pick(['set', 'set', 'hash', 'list', 'list', 'stream', 'key'] as const);
    const element = this.#name();
    const key = container === 'key' ? `key:${element}` : `${container}:${random.below(KEYS)}`;
    const reply = await this.#send(client, ...addition(container, key, element));
    if (reply === 'refused') return;
    history.added.push({ region, container, key, element, answeredAtMs: timeOf(reply) });
    if (container === 'list' || container === 'stream') return;
    elements.add({ container, key, element }, random);
  }

  async #remove(client: Redis): Promise<void> {
    const { random, history, region, elements } = this.#options;
    const known = elements.take(random);
    if (known === undefined) return;
    const { container, key, element } = known;
    const name = container === 'set' ? 'SREM' : container === 'hash' ? 'HDEL' : 'DEL';
    const args = container === 'key' ? [key] : [key, element];
    const reply = await this.#send(client, name, ...args);
    // It was not there, or not yet: nothing was removed.
    if (reply === 'refused' || (reply !== 'none' && reply.value !== 1)) return;
    history.removed.push({ region, container, key, element, answeredAtMs: timeOf(reply) });
  }

  async #pop(client: Redis): Promise<void> {
    const { random, history, region } = this.#options;
    const key = `list:${random.below(KEYS)}`;
    const reply = await this.#send(client, 'LPOP', key);
    if (reply === 'refused') return;
    if (reply === 'none') {
      history.removed.push({ region, container: 'list', key, element: null, answeredAtMs: null });
    } else if (typeof reply.value === 'string') {
      const { value: element, answeredAtMs } = reply;
      history.removed.push({ region, container: 'list', key, element, answeredAtMs });
    }
  }

  #name(): string {
    return `${this.#options.name}:${this.#unique++}`;
  }
}

/** Nothing is sent twice: what has no answer when the connection ends may have been carried out. */
async function connect(
  { host, enginePort }: GroupMember,
  password: string,
  stop: AbortSignal,
): Promise<Redis> {
  const client = new Redis({
    host,
    port: enginePort,
    password,
    lazyConnect: true,
    connectTimeout: 2_000,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    disableClientInfo: true,
    // The users of a member that is being filled may not even ask.
    enableReadyCheck: false,
  });
  client.on('error', () => {});
  const end = (): void => client.disconnect();
  stop.addEventListener('abort', end, { once: true });
  client.once('end', () => stop.removeEventListener('abort', end));
  try {
    await client.connect();
    return client;
  } catch (error) {
    client.disconnect();
    throw error;
  }
}

type Reply = 'refused' | 'none' | { readonly value: unknown; readonly answeredAtMs: number };

function timeOf(reply: Exclude<Reply, 'refused'>): number | null {
  return reply === 'none' ? null : reply.answeredAtMs;
}

function addition(container: Container, key: string, element: string): [string, ...string[]] {
  switch (container) {
    case 'set':
      return ['SADD', key, element];
    case 'hash':
      return ['HSET', key, element, '1'];
    case 'list':
      return ['RPUSH', key, element];
    case 'stream':
      return ['XADD', key, '*', 'e', element];
    case 'key':
      return ['SET', key, '1', 'EX', String(LATE_SECONDS)];
  }
}
