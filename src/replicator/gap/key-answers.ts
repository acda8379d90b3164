// The side that is asked: what its engine holds at its keys, and asserting some of them for a member that has
// missed writes.

import { once } from 'node:events';
import type { Logger } from 'pino';
import { connectEngine, type EngineEndpoint } from '../../engine/client.ts';
import { RecordReader } from '../../wire/record.ts';
import type { Tunnel } from '../link/tunnel.ts';
import { decodeQuestion, encodeAnswer } from './messages.ts';
import { OwnKeys, type OwnKeysParts } from './own-keys.ts';

export interface KeyAnswersOptions extends OwnKeysParts {
  readonly engine: EngineEndpoint;
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
      const keys = new OwnKeys(this.#options, client);
      const visible = this.#options.visible().map(([id, seq]): [number, number] => [id, seq]);
      socket.write(encodeAnswer({ page: [], isLast: true, visible }));
      reader.feed(rest);
      socket.resume();
      for (;;) {
        for (let record = reader.next(); record !== undefined; record = reader.next()) {
          for await (const answer of keys.answersTo(decodeQuestion(record))) {
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
