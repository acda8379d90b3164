// The newcomer's own engine during a join: it is told to follow, watched, and told to stand on its own.
// Settings that were changed for the join are put back.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { OperatorError } from '../../base/errors.ts';
import { connectEngine, type EngineEndpoint, infoField } from '../../engine/client.ts';

/**
 * What is set for the join. While the stream is cut nothing comes, and the engine must not take that for
 * a broken connection; a snapshot is loaded as it comes, and where a module does not allow that its file
 * must not stay, to be read at a restart. Connections of their own for snapshots would pass the tunnel by. Engines that do not know a setting go without.
 */
const SETTINGS: readonly (readonly [name: string, value: string])[] = [
  ['repl-timeout', '86400'],
  ['repl-diskless-load', 'on-empty-db'],
  ['rdb-del-sync-files', 'yes'],
  ['dual-channel-replication-enabled', 'no'],
  ['repl-rdb-channel', 'no'],
];

const LOADING_MS_MAX = 10_000;
const LOADING_RETRY_MS = 50;

export interface EngineState {
  readonly role: string;
  readonly isLinkUp: boolean;
  /** Its offset in the stream: everything up to here is applied. */
  readonly offset: number;
  readonly replicationId: string;
  /** What it uses for its data. */
  readonly dataBytes: number;
  /** The offset behind which its own history begins; -1: it has only one. */
  readonly secondOffset: number;
}

export class NewcomerEngine {
  readonly #endpoint: EngineEndpoint;
  readonly #before = new Map<string, string>();
  #client: Redis | undefined;

  constructor(endpoint: EngineEndpoint) {
    this.#endpoint = endpoint;
  }

  /** Throws OperatorError unless the engine is an empty primary. */
  async checkEmpty(): Promise<void> {
    const state = await this.state();
    if (state.role !== 'master') {
      throw new OperatorError(
        'JOIN_ENGINE_IS_REPLICA',
        `${this.#where} is a replica of another server`,
        'Make it a primary first (REPLICAOF NO ONE), and empty it (FLUSHALL).',
      );
    }
    const keys = Number(await this.#call('DBSIZE'));
    if (keys === 0) return;
    throw new OperatorError(
      'JOIN_ENGINE_NOT_EMPTY',
      `${this.#where} holds ${keys} keys, but a member that joins begins empty`,
      'Empty it (FLUSHALL), or use another engine; to keep this data, load it through a client once the member has joined.',
    );
  }

  /** Begins to follow whoever listens on this port of loopback, to whom it shows `password`. */
  async follow(port: number, password: string): Promise<void> {
    for (const [name, value] of SETTINGS) await this.#set(name, value);
    await this.#set('masteruser', '');
    await this.#set('masterauth', password);
    await this.#call('REPLICAOF', '127.0.0.1', String(port));
  }

  async state(): Promise<EngineState> {
    const info = String(await this.#call('INFO', 'everything'));
    return {
      role: infoField(info, 'role') ?? '',
      isLinkUp: infoField(info, 'master_link_status') === 'up',
      offset: Number(infoField(info, 'master_repl_offset') ?? 0),
      replicationId: infoField(info, 'master_replid') ?? '',
      dataBytes: Number(infoField(info, 'used_memory_dataset') ?? 0),
      secondOffset: Number(infoField(info, 'second_repl_offset') ?? -1),
    };
  }

  /** Ends the following; what it has remains. */
  async standAlone(): Promise<EngineState> {
    await this.#call('REPLICAOF', 'NO', 'ONE');
    return await this.state();
  }

  /** Empties it, so that another attempt begins as the first did. Nobody may feed it any more. */
  async wipe(): Promise<void> {
    await this.#untilLoaded(() => this.#call('REPLICAOF', 'NO', 'ONE'));
    await this.#call('FLUSHALL');
    await this.#call('FUNCTION', 'FLUSH');
  }

  /** Puts the settings back. */
  async restore(): Promise<void> {
    for (const [name, value] of this.#before) await this.#call('CONFIG', 'SET', name, value);
    this.#before.clear();
  }

  close(): void {
    this.#client?.disconnect();
    this.#client = undefined;
  }

  /** An engine whose snapshot broke off takes a moment to notice, and refuses everything until then. */
  async #untilLoaded(action: () => Promise<unknown>): Promise<void> {
    const endMs = performance.now() + LOADING_MS_MAX;
    for (;;) {
      try {
        await action();
        return;
      } catch (error) {
        const isLoading = error instanceof Error && error.message.includes('LOADING');
        if (!isLoading || performance.now() > endMs) throw error;
      }
      await sleep(LOADING_RETRY_MS);
    }
  }

  get #where(): string {
    return `engine ${this.#endpoint.host}:${this.#endpoint.port}`;
  }

  async #set(name: string, value: string): Promise<void> {
    const answer: unknown = await this.#call('CONFIG', 'GET', name);
    if (!Array.isArray(answer) || answer.length < 2) return;
    if (!this.#before.has(name)) this.#before.set(name, String(answer[1]));
    await this.#call('CONFIG', 'SET', name, value);
  }

  async #call(name: string, ...args: readonly string[]): Promise<unknown> {
    try {
      this.#client ??= await this.#connect();
      return await this.#client.call(name, ...args);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new OperatorError(
        'JOIN_ENGINE_FAILED',
        `${this.#where} does not do ${name}: ${reason}`,
        'Check that it runs, and that the user in the settings may do everything; then join again.',
      );
    }
  }

  async #connect(): Promise<Redis> {
    const client = await connectEngine(this.#endpoint);
    client.on('error', () => {});
    client.on('close', () => {
      if (this.#client === client) this.#client = undefined;
    });
    return client;
  }
}
