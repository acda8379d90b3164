// What the own engine holds at its keys, told to whoever compares them: this member, if it has missed writes, or
// another one that has. And asserting some of them.

import type { Redis } from 'ioredis';
import type { VersionEntries } from '../../model/version-vector.ts';
import { bucketDigests, bucketOf, digestsOf, keyPages } from './key-digests.ts';
import type { Answer, Question } from './messages.ts';

export interface OwnKeysParts {
  readonly visible: () => VersionEntries;
  /** Ships what the engine holds at this key (latin1) as new ops. */
  readonly assertKey: (key: string) => void;
}

export class OwnKeys {
  readonly #parts: OwnKeysParts;
  readonly #client: Redis;

  constructor(parts: OwnKeysParts, client: Redis) {
    this.#parts = parts;
    this.#client = client;
  }

  /** One answer, or pages of which the last says that it is. */
  async *answersTo(question: Question): AsyncGenerator<Answer, void, void> {
    const client = this.#client;
    if (question.ask === 'buckets') {
      yield this.#answer({ buckets: await bucketDigests(client) });
    } else if (question.ask === 'digests') {
      // Taken before: the engine shows at least that.
      const before = this.#answer({});
      yield { ...before, digests: await digestsOf(client, question.keys) };
    } else if (question.ask === 'assert') {
      for (const key of question.keys) this.#parts.assertKey(key);
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

  #answer(answer: Partial<Answer>): Answer {
    const visible = this.#parts.visible().map(([id, seq]): [number, number] => [id, seq]);
    return { isLast: true, visible, ...answer };
  }
}
