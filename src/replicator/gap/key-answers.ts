// The side that is asked: what its engine holds at its keys, and asserting some of them for a member that has
// missed writes.

import { once } from 'node:events';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { connectEngine, type EngineEndpoint } from '../../engine/client.ts';
import type { VersionEntries } from '../../model/version-vector.ts';
import { RecordReader } from '../../wire/record.ts';
import type { Tunnel } from '../link/tunnel.ts';
import { bucketDigests, bucketOf, digestsOf, keyPages } from './key-digests.ts';
import { type Answer, decodeQuestion, encodeAnswer, type Question } from './messages.ts';

export interface KeyAnswersOptions {
  readonly engine: EngineEndpoint;
  readonly visible: () => VersionEntries;
  /** Ships what the engine holds at this key (latin1) as new ops. */
  readonly assertKey: (key: string) => void;
  readonly logger: Logger;
}

export class KeyAnswers {
  readonly #options: KeyAnswersOptions;

  constructor(options: KeyAnswersOptions) {
    this.#options = options;
  }

  /** Answers until the other side hangs up. Owns the socket. */
  accept({ request, socket, rest }: Tunnel): void {
    this.#options.logger.info({ peer: request.sender }, 'a member compares its keys with ours');
    socket.on('error', () => {});
    this.#serve(socket, rest).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.logger.warn(
        { peer: request.sender, reason },
        'the comparison of keys broke off',
      );
      socket.destroy();
    });
  }

  async #serve(socket: Tunnel['socket'], rest: Buffer): Promise<void> {
    const client = await connectEngine(this.#options.engine);
    try {
      const reader = new RecordReader();
      socket.write(encodeAnswer(this.#answer({ page: [] })));
      reader.feed(rest);
      socket.resume();
      for (;;) {
        for (let record = reader.next(); record !== undefined; record = reader.next()) {
          for await (const answer of this.#answersTo(decodeQuestion(record), client)) {
            if (socket.destroyed) return;
            if (!socket.write(encodeAnswer(answer))) await once(socket, 'drain');
          }
        }
        const chunk = await nextChunk(socket);
        if (chunk === undefined) return;
        reader.feed(chunk);
      }
    } finally {
      client.disconnect();
      socket.destroy();
    }
  }

  #answer(answer: Partial<Answer>): Answer {
    const visible = this.#options.visible().map(([id, seq]): [number, number] => [id, seq]);
    return { isLast: true, visible, ...answer };
  }

  async *#answersTo(question: Question, client: Redis): AsyncIterable<Answer> {
    if (question.ask === 'buckets') {
      yield this.#answer({ buckets: await bucketDigests(client) });
    } else if (question.ask === 'digests') {
      // Taken before: the engine shows at least that.
      const before = this.#answer({});
      yield { ...before, digests: await digestsOf(client, question.keys) };
    } else if (question.ask === 'assert') {
      for (const key of question.keys) this.#options.assertKey(key);
      yield this.#answer({});
    } else {
      const wanted = new Set(question.buckets);
      for await (const page of keyPages(client)) {
        const kept = page.filter(([key]) => wanted.has(bucketOf(key)));
        const pairs = kept.map(([key, digest]): [string, string] => [key, digest]);
        if (pairs.length > 0) yield this.#answer({ page: pairs, isLast: false });
      }
      yield this.#answer({ page: [] });
    }
  }
}

/** Undefined: the other side has hung up. */
export function nextChunk(socket: Tunnel['socket']): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    if (socket.destroyed || socket.readableEnded) {
      resolve(undefined);
      return;
    }
    const onData = (chunk: Buffer): void => end(chunk);
    const onEnd = (): void => end(undefined);
    function end(chunk: Buffer | undefined): void {
      socket.pause();
      socket.off('data', onData).off('end', onEnd).off('close', onEnd);
      resolve(chunk);
    }
    socket.on('data', onData).on('end', onEnd).on('close', onEnd);
    socket.resume();
  });
}
