// What a replicator learns about its engine by asking: whether it can be used at all, its version, where its
// commands have their keys, and from time to time how many keys it holds. Never writes data.

import type { Redis } from 'ioredis';
import { OperatorError } from '../base/errors.ts';
import { connectEngine, type EngineEndpoint, infoField } from '../engine/client.ts';
import { checkEmptyEngine, checkRole, checkVersion } from '../engine/empty.ts';
import type { EngineMemory } from './engine-memory.ts';
import type { KeyPositions } from './interpret/interpreter.ts';

export class EngineFacts {
  readonly #endpoint: EngineEndpoint;
  readonly #keyPositions = new Map<string, KeyPositions>();
  #client: Redis | undefined;
  #version: string | null = null;
  #jsonSetEndsExpiry = false;
  #keys: number | null = null;
  readonly memory: EngineMemory;
  #isClosed = false;

  constructor(endpoint: EngineEndpoint, memory: EngineMemory) {
    this.#endpoint = endpoint;
    this.memory = memory;
  }

  get version(): string | null {
    return this.#version;
  }

  /** As of the last count; null while that is not known. */
  get keys(): number | null {
    return this.#keys;
  }

  /** Whether JSON.SET of a whole document ends its expiry. */
  get jsonSetEndsExpiry(): boolean {
    return this.#jsonSetEndsExpiry;
  }

  /** Where a command has its keys; undefined: the engine does not know it. */
  keyPositions(name: string): KeyPositions | undefined {
    return this.#keyPositions.get(name);
  }

  /** Asks everything that must be known before the start. Throws OperatorError when the engine cannot be
   * used; at the very first start it must also be empty, and keep nothing on disk. */
  async learn(isFirstStart: boolean): Promise<void> {
    let client: Redis | undefined;
    try {
      client = await connectEngine(this.#endpoint);
      await this.#ask(client, isFirstStart);
    } catch (error) {
      client?.disconnect();
      throw error instanceof OperatorError ? error : this.#unusable(error);
    }
    this.#keep(client);
  }

  /** Begins to count the keys, and to ask for the memory; connects anew when the connection is gone. */
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
    this.#client.info('memory', 'stats').then((info) => this.memory.observed(info), unknown);
  }

  close(): void {
    this.#isClosed = true;
    this.#client?.disconnect();
  }

  async #ask(client: Redis, isFirstStart: boolean): Promise<void> {
    const where = `engine ${this.#endpoint.host}:${this.#endpoint.port}`;
    const info = await client.info('server');
    this.#version = infoField(info, 'valkey_version') ?? infoField(info, 'redis_version');
    checkVersion(where, info);
    checkRole(where, await client.info('replication'));
    // Later the engine holds the data of the group, and is known to have begun empty.
    if (isFirstStart) await checkEmptyEngine(this.#endpoint);
    // The echo of a batch tells what expired (DEL) from what the batch removed (UNLINK).
    await client.config('SET', 'lazyfree-lazy-expire', 'no', 'lazyfree-lazy-eviction', 'no');
    for (const row of (await client.call('COMMAND')) as unknown[]) this.#learnCommand(row);
    // valkey-json calls itself so; in RedisJSON the expiry stays.
    const modules: unknown = await client.call('MODULE', 'LIST');
    this.#jsonSetEndsExpiry = Array.isArray(modules) && modules.flat(2).includes('json');
  }

  #unusable(error: unknown): OperatorError {
    const where = `engine ${this.#endpoint.host}:${this.#endpoint.port}`;
    const reason = (error instanceof Error ? error.message : String(error)).replace(/\.$/, '');
    if (reason.startsWith('NOPERM') || reason.startsWith('ERR ')) {
      return new OperatorError(
        'ENGINE_NOT_PERMITTED',
        `${where} refuses what the replicator must ask: ${reason}`,
        'Let the user in the settings do everything: +@all ~* &* in the ACL file.',
      );
    }
    return new OperatorError(
      'ENGINE_UNREACHABLE',
      `${where} cannot be used: ${reason}`,
      'Check that it runs and that user and password in the settings match its ACL file.',
    );
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
