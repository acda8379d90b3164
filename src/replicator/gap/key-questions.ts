// The side that asks: a tunnel to a member with which keys are compared.

import type { Socket } from 'node:net';
import type { VersionEntries } from '../../model/version-vector.ts';
import type { RecordReader } from '../../wire/record.ts';
import type { ReplicatorConfig } from '../config.ts';
import { openTunnel } from '../join/tunnel-client.ts';
import { Transport } from '../link/transport.ts';
import { nextChunk } from './key-answers.ts';
import type { KeyDigest } from './key-digests.ts';
import { type Answer, decodeAnswer, encodeQuestion, type Question } from './messages.ts';

export class KeyQuestions {
  readonly #socket: Socket;
  readonly #reader: RecordReader;

  private constructor(socket: Socket, reader: RecordReader) {
    this.#socket = socket;
    this.#reader = reader;
  }

  /** Rejects when there is no tunnel to `donor`. */
  static async open(
    config: ReplicatorConfig,
    donor: ReplicatorConfig['members'][number],
    signal: AbortSignal,
  ): Promise<KeyQuestions> {
    const transport = new Transport(config);
    const { socket, reader } = await openTunnel({
      config,
      transport,
      donor,
      purpose: 'keys',
      signal,
    });
    signal.addEventListener('abort', () => socket.destroy(), { once: true });
    return new KeyQuestions(socket, reader);
  }

  async buckets(): Promise<number[]> {
    return (await this.#ask({ ask: 'buckets' })).buckets ?? [];
  }

  async *keysIn(buckets: readonly number[]): AsyncIterable<KeyDigest[]> {
    this.#socket.write(encodeQuestion({ ask: 'keys', buckets: [...buckets] }));
    for (;;) {
      const { page, isLast } = await this.#answer();
      yield page ?? [];
      if (isLast) return;
    }
  }

  async digests(keys: readonly string[]): Promise<{ digests: string[]; visible: VersionEntries }> {
    const { digests, visible } = await this.#ask({ ask: 'digests', keys: [...keys] });
    if (digests?.length !== keys.length) throw new Error('the other side answered with too little');
    return { digests, visible };
  }

  async assertKeys(keys: readonly string[]): Promise<void> {
    await this.#ask({ ask: 'assert', keys: [...keys] });
  }

  close(): void {
    this.#socket.destroy();
  }

  async #ask(question: Question): Promise<Answer> {
    this.#socket.write(encodeQuestion(question));
    return await this.#answer();
  }

  async #answer(): Promise<Answer> {
    for (;;) {
      const record = this.#reader.next();
      if (record !== undefined) return decodeAnswer(record);
      const chunk = await nextChunk(this.#socket);
      if (chunk === undefined) throw new Error('the other side hung up');
      this.#reader.feed(chunk);
    }
  }
}
