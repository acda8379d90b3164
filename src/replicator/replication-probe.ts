// Asks a standby, or an engine, how far its stream reaches, on a connection of its own that is opened anew when it
// breaks. An answer is given within a second: one that hangs is one that says nothing.

import type { Redis } from 'ioredis';
import { connectEngine, type EngineEndpoint, infoField } from '../engine/client.ts';
import type { StandbyState } from './capture/standby-state.ts';

const ANSWER_MS_MAX = 1000;

export class ReplicationProbe {
  readonly #endpoint: EngineEndpoint;
  readonly #isReplica: boolean;
  #client: Redis | undefined;
  /** Ends the connection, also while it is being made. */
  #life = new AbortController();
  #isClosed = false;

  /** `isReplica`: what listens there is to be a replica, or an engine. */
  constructor(endpoint: EngineEndpoint, isReplica: boolean) {
    this.#endpoint = endpoint;
    this.#isReplica = isReplica;
  }

  /** Its state, or why it is not known. */
  async ask(): Promise<StandbyState | string> {
    const silence = Promise.withResolvers<string>();
    const says = `it says nothing within ${ANSWER_MS_MAX} ms`;
    const timer = setTimeout(() => silence.resolve(says), ANSWER_MS_MAX);
    const asked = this.#ask().catch((error: Error) => `it does not answer: ${error.message}`);
    const answer = await Promise.race([asked, silence.promise]);
    clearTimeout(timer);
    // A standby that took the engine's place keeps its connections, but no longer listens there.
    if (typeof answer === 'string' || answer.isReplica !== this.#isReplica) this.#drop();
    return answer;
  }

  close(): void {
    this.#isClosed = true;
    this.#drop();
  }

  async #ask(): Promise<StandbyState> {
    if (this.#isClosed) throw new Error('nobody asks any more');
    this.#client ??= await this.#connect();
    return standbyStateIn(await this.#client.info('replication'));
  }

  async #connect(): Promise<Redis> {
    const client = await connectEngine(this.#endpoint, this.#life.signal);
    // A standby may take its engine's place at any time, and needs then what EngineFacts sets at the start.
    await client.config('SET', 'lazyfree-lazy-expire', 'no', 'lazyfree-lazy-eviction', 'no');
    return client;
  }

  #drop(): void {
    this.#life.abort();
    this.#life = new AbortController();
    this.#client = undefined;
  }
}

/** `info` is the answer of INFO replication. */
export function standbyStateIn(info: string): StandbyState {
  const number = (name: string): number => Number(infoField(info, name) ?? -1);
  return {
    isReplica: infoField(info, 'role') === 'slave',
    isLinked: infoField(info, 'master_link_status') === 'up',
    isFilling: number('master_sync_in_progress') === 1,
    replicationId: infoField(info, 'master_replid') ?? '',
    formerId: infoField(info, 'master_replid2') ?? '',
    formerEnd: number('second_repl_offset'),
    offset: number('master_repl_offset'),
    // A replica that was never connected has no backlog.
    backlogStart:
      number('repl_backlog_active') === 1
        ? number('repl_backlog_first_byte_offset')
        : Number.POSITIVE_INFINITY,
  };
}
