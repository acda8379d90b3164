// The side that asks: a tunnel to a member with which keys are compared.

import type { Socket } from 'node:net';
import type { RecordReader } from '../../wire/record.ts';
import type { ReplicatorConfig } from '../config.ts';
import { openTunnel } from '../join/tunnel-client.ts';
import { Transport } from '../link/transport.ts';
import { nextChunk } from './key-answers.ts';
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

  async ask(question: Question): Promise<Answer> {
    this.#socket.write(encodeQuestion(question));
    return await this.answer();
  }

  /** The next one to what was asked. */
  async answer(): Promise<Answer> {
    for (;;) {
      const record = this.#reader.next();
      if (record !== undefined) return decodeAnswer(record);
      const chunk = await nextChunk(this.#socket);
      if (chunk === undefined) throw new Error('the other side hung up');
      this.#reader.feed(chunk);
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}
