// Mends what follows from writes of the own engine that were never taken in, because the replicator was away for
// longer than the engine's backlog reaches back.
//
// Everything goes on as ever meanwhile: clients write, ops of peers are applied. The keys here are compared with those
// of one other member, bucket by bucket and then key by key, until only such are left as differ for no reason that is
// on its way. What stands here at these keys is asserted: as new ops that have seen what is visible here, so that
// what they have not seen survives beside them. A key that is missing here is asserted by the other member: whether it
// was removed or lost nobody knows.
//
// A file says that this is to be done, until it is: a crash begins it anew.

import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { countText } from '../../base/amounts.ts';
import { connectEngine, infoField } from '../../engine/client.ts';
import type { ReplicaId, VersionEntries } from '../../model/version-vector.ts';
import type { ReplicatorConfig } from '../config.ts';
import type { GapStatus } from '../status.ts';
import { Comparison } from './comparison.ts';
import { bucketDigests, bucketOf, digestsOf, keyPages } from './key-digests.ts';
import { KeyQuestions } from './key-questions.ts';

const RETRY_MS = 500;
const POLL_MS = 20;
const KEYS_AT_A_TIME = 100;
/** What was asserted takes so long to be everywhere, at least. */
const ASSERTED_MS = 100;

export interface GapRepairParts {
  readonly config: ReplicatorConfig;
  /** Members whose links stand. */
  readonly connected: () => readonly ReplicaId[];
  readonly visible: () => VersionEntries;
  /** Up to here the stream of the engine is in the log. */
  readonly loggedPosition: () => number;
  /** Ships what the engine holds at this key (latin1) as new ops. */
  readonly assertKey: (key: string) => void;
  readonly onDone: () => void;
  readonly logger: Logger;
}

export class GapRepair {
  readonly #parts: GapRepairParts;
  readonly #ending = new AbortController();
  #comparison = new Comparison();
  #isOver = false;
  #asserted = 0;
  #restored = 0;

  constructor(parts: GapRepairParts) {
    this.#parts = parts;
  }

  get status(): GapStatus {
    return {
      isOver: this.#isOver,
      comparing: this.#comparison.size,
      asserted: this.#asserted,
      restored: this.#restored,
    };
  }

  /** Resolves when it is done, or closed. */
  async run(): Promise<void> {
    const { config, logger, onDone } = this.#parts;
    const { signal } = this.#ending;
    const isAlone = !config.members.some(
      ({ id, gone }) => id !== config.self && gone === undefined,
    );
    if (isAlone) {
      this.#isOver = true;
      onDone();
    }
    while (!signal.aborted && !isAlone) {
      const donor = this.#donor();
      if (donor !== undefined) {
        try {
          await this.#compareWith(donor, signal);
          this.#isOver = true;
          onDone();
          const region = config.members.find(({ id }) => id === donor.id)?.region;
          logger.warn(
            { asserted: this.#asserted, restored: this.#restored, donor: donor.id },
            `writes that were missed are mended by comparing all keys with ${region}: ` +
              `${countText(this.#asserted, 'key')} asserted, ${countText(this.#restored, 'key')} that had gone here restored`,
          );
          return;
        } catch (error) {
          if (signal.aborted) return;
          const reason = error instanceof Error ? error.message : String(error);
          logger.warn({ reason, donor: donor.id }, 'keys could not be compared; it is tried again');
        }
      }
      await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  close(): void {
    this.#ending.abort();
  }

  #donor() {
    const [id] = this.#parts.connected();
    return this.#parts.config.members.find((member) => member.id === id);
  }

  async #compareWith(
    donor: ReplicatorConfig['members'][number],
    signal: AbortSignal,
  ): Promise<void> {
    const questions = await KeyQuestions.open(this.#parts.config, donor, signal);
    const client = await connectEngine(this.#parts.config.engine, signal);
    try {
      this.#comparison = await this.#candidates(questions, client);
      while (this.#comparison.size > 0) await this.#turn(questions, client);
    } finally {
      client.disconnect();
      questions.close();
    }
  }

  /** Keys that differ at first sight, or are only on one side. */
  async #candidates(questions: KeyQuestions, client: Redis): Promise<Comparison> {
    const comparison = new Comparison();
    const [theirs, ours] = [await questions.buckets(), await bucketDigests(client)];
    const numbers = ours.map((_, bucket) => bucket);
    const buckets = new Set(numbers.filter((bucket) => ours[bucket] !== theirs[bucket]));
    if (buckets.size === 0) return comparison;
    const own = new Map<string, string>();
    for await (const page of keyPages(client)) {
      for (const [key, digest] of page) if (buckets.has(bucketOf(key))) own.set(key, digest);
    }
    for await (const page of questions.keysIn([...buckets])) {
      for (const [key, digest] of page) {
        if (own.get(key) !== digest) comparison.add(key);
        own.delete(key);
      }
    }
    for (const key of own.keys()) comparison.add(key);
    return comparison;
  }

  async #turn(questions: KeyQuestions, client: Redis): Promise<void> {
    const comparison = this.#comparison;
    const keys = comparison.some(KEYS_AT_A_TIME);
    const first = await questions.digests(keys);
    keys.forEach((key, i) => {
      comparison.noteTheirs(key, first.digests[i] as string);
    });
    await this.#until(() => covers(this.#parts.visible(), first.visible));
    const ours = await digestsOf(client, keys);
    keys.forEach((key, i) => {
      comparison.noteOurs(key, ours[i] as string);
    });
    // All that was in our stream by now must have been there before the answer that counts.
    const own = await this.#ownUntilNow(client);
    let last = await questions.digests(keys);
    while (!covers(last.visible, own)) {
      await delay(POLL_MS);
      last = await questions.digests(keys);
    }
    await this.#settle(questions, keys, last.digests);
  }

  /** The last of our ops, with all that clients have written until now. */
  async #ownUntilNow(client: Redis): Promise<VersionEntries> {
    const { loggedPosition, visible, config } = this.#parts;
    const offset = Number(infoField(await client.info('replication'), 'master_repl_offset') ?? 0);
    await this.#until(() => loggedPosition() >= offset);
    return visible().filter(([id]) => id === config.self);
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      this.#ending.signal.throwIfAborted();
      await delay(POLL_MS);
    }
  }

  async #settle(
    questions: KeyQuestions,
    keys: readonly string[],
    digests: readonly string[],
  ): Promise<void> {
    const missing: string[] = [];
    let asserted = 0;
    keys.forEach((key, i) => {
      const verdict = this.#comparison.judge(key, digests[i] as string);
      if (verdict === 'theirs') missing.push(key);
      if (verdict !== 'ours') return;
      this.#parts.assertKey(key);
      asserted++;
    });
    if (missing.length > 0) await questions.assertKeys(missing);
    this.#asserted += asserted;
    this.#restored += missing.length;
    if (asserted + missing.length > 0) await delay(ASSERTED_MS);
  }
}

function covers(has: VersionEntries, wanted: VersionEntries): boolean {
  const seqs = new Map(has);
  return wanted.every(([id, seq]) => (seqs.get(id) ?? Number.POSITIVE_INFINITY) >= seq);
}
