// What a replicator learns about its engine by asking: whether it can be used at all, its version, where its
// commands have their keys, and from time to time how many keys it holds. Never writes data.

import type { Redis } from 'ioredis';
import { OperatorError } from '../base/errors.ts';
import { connectEngine, type EngineEndpoint, infoField } from '../engine/client.ts';
import type { KeyPositions } from './interpret/interpreter.ts';

export class EngineFacts {
  readonly #endpoint: EngineEndpoint;
  readonly #keyPositions = new Map<string, KeyPositions>();
  #client: Redis | undefined;
  #version: string | null = null;
  #keys: number | null = null;
  #isClosed = false;

  constructor(endpoint: EngineEndpoint) {
    this.#endpoint = endpoint;
  }

  get version(): string | null {
    return this.#version;
  }

  /** As of the last count; null while that is not known. */
  get keys(): number | null {
    return this.#keys;
  }

  /** Where a command has its keys; undefined: the engine does not know it. */
  keyPositions(name: string): KeyPositions | undefined {
    return this.#keyPositions.get(name);
  }

  /** Asks everything that must be known before the start. Throws OperatorError when the engine cannot be
   * used; at the very first start it must also be empty. */
  async learn(isFirstStart: boolean): Promise<void> {
    const { host, port } = this.#endpoint;
    let client: Redis;
    try {
      client = await connectEngine(this.#endpoint);
    } catch (error) {
      throw new OperatorError(
        'ENGINE_UNREACHABLE',
        `the engine at ${host}:${port} cannot be used: ${error instanceof Error ? error.message : String(error)}`,
        'Check that it runs and that user and password in the settings match its ACL file.',
      );
    }
    const info = await client.info('server');
    this.#version = infoField(info, 'valkey_version') ?? infoField(info, 'redis_version');
    const replication = await client.info('replication');
    if (infoField(replication, 'role') !== 'master') {
      throw new OperatorError(
        'ENGINE_IS_REPLICA',
        `the engine at ${host}:${port} is a replica of another one`,
        'A member of a group needs an engine of its own: promote it or name another.',
      );
    }
    if (isFirstStart) {
      const keys = await client.dbsize();
      if (keys > 0) {
        throw new OperatorError(
          'ENGINE_NOT_EMPTY',
          `the engine at ${host}:${port} holds ${keys} keys, but a new member begins empty`,
          'Use an empty engine, or load the data through any member of the group.',
        );
      }
    }
    // The echo of a batch tells what expired (DEL) from what the batch removed (UNLINK).
    await client.config('SET', 'lazyfree-lazy-expire', 'no', 'lazyfree-lazy-eviction', 'no');
    for (const row of (await client.call('COMMAND')) as unknown[]) this.#learnCommand(row);
    this.#keep(client);
  }

  /** Begins to count the keys; connects anew when the connection is gone. */
  countKeys(): void {
    const unknown = (): void => {
      this.#keys = null;
    };
    if (this.#client === undefined) {
      connectEngine(this.#endpoint).then((client) => this.#keep(client), unknown);
      return;
    }
    this.#client.dbsize().then((keys) => {
      this.#keys = keys;
    }, unknown);
  }

  close(): void {
    this.#isClosed = true;
    this.#client?.disconnect();
  }

  #keep(client: Redis): void {
    client.on('error', () => {});
    client.on('close', () => {
      if (this.#client === client) this.#client = undefined;
    });
    if (this.#isClosed) client.disconnect();
    else this.#client = client;
  }

  /** A row of COMMAND: name, arity, flags, first key, last key, step, ... */
  #learnCommand(row: unknown): void {
    if (!Array.isArray(row)) return;
    const [name, , , first, last, step] = row as unknown[];
    if (typeof name !== 'string' || typeof first !== 'number') return;
    if (typeof last !== 'number' || typeof step !== 'number') return;
    this.#keyPositions.set(name.toLowerCase(), { first, last, step });
  }
}
