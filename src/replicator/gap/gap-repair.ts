// Mends what follows from writes of the own engine that were never taken in, because the replicator was away for
// longer than the engine's backlog reaches back.
//
// Everything goes on as ever meanwhile: clients write, ops of peers are applied. The keys here are compared with those
// of one other member, bucket by bucket and then key by key, until only such are left as differ for no reason that is
// on its way. What stands here at these keys is asserted: as new ops that have seen what is visible here, so that
// what they have not seen survives beside them. A key that is missing here is asserted by the other member: whether it
// was removed or lost nobody knows.
//
// Here is only what carries that out: mending.ts says which step comes next. A file says that this is to be done, until
// it is: a crash begins it anew.

import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { countText } from '../../base/amounts.ts';
import { connectEngine, infoField } from '../../engine/client.ts';
import type { ReplicaId, VersionEntries } from '../../model/version-vector.ts';
import type { ReplicatorConfig } from '../config.ts';
import type { GapStatus } from '../status.ts';
import { KeyQuestions } from './key-questions.ts';
import { Mending } from './mending.ts';
import type { Answer } from './messages.ts';
import { OwnKeys } from './own-keys.ts';

const RETRY_MS = 500;
const POLL_MS = 20;

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
  readonly #mending: Mending;
  #isOver = false;
  #attempts = 0;

  constructor(parts: GapRepairParts) {
    this.#parts = parts;
    this.#mending = new Mending(parts);
  }

  get status(): GapStatus {
    return {
      isOver: this.#isOver,
      comparing: this.#mending.comparing,
      asserted: this.#mending.asserted,
      restored: this.#mending.restored,
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
          const { asserted, restored } = this.#mending;
          const region = config.members.find(({ id }) => id === donor.id)?.region;
          logger.warn(
            { asserted, restored, donor: donor.id },
            `writes that were missed are mended by comparing all keys with ${region}: ` +
              `${countText(asserted, 'key')} asserted, ${countText(restored, 'key')} that had gone here restored`,
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

  /** Another one at each attempt, where there are several. */
  #donor() {
    const connected = this.#parts.connected();
    const id = connected[this.#attempts++ % connected.length];
    return this.#parts.config.members.find((member) => member.id === id);
  }

  async #compareWith(
    donor: ReplicatorConfig['members'][number],
    signal: AbortSignal,
  ): Promise<void> {
    const { config } = this.#parts;
    const theirs = await KeyQuestions.open(config, donor, signal);
    try {
      const client = await connectEngine(config.engine, signal);
      try {
        await this.#carryOut(theirs, client);
      } finally {
        client.disconnect();
      }
    } finally {
      theirs.close();
    }
  }

  async #carryOut(theirs: KeyQuestions, client: Redis): Promise<void> {
    const keys = new OwnKeys(this.#parts, client);
    let ours: AsyncGenerator<Answer> | undefined;
    const steps = this.#mending.steps();
    let next = steps.next();
    while (!next.done) {
      const step = next.value;
      let answer: Answer | undefined;
      if (step.do === 'wait') await delay(step.forMs, undefined, { signal: this.#ending.signal });
      else if (step.do === 'take in') await this.#takeIn(client);
      else if (step.side === 'theirs') {
        answer = await (step.do === 'ask' ? theirs.ask(step.question) : theirs.answer());
      } else {
        if (step.do === 'ask') ours = keys.answersTo(step.question);
        answer = (await ours?.next())?.value;
      }
      next = steps.next(answer);
    }
  }

  async #takeIn(client: Redis): Promise<void> {
    const { signal } = this.#ending;
    const offset = Number(infoField(await client.info('replication'), 'master_repl_offset') ?? 0);
    while (this.#parts.loggedPosition() < offset) await delay(POLL_MS, undefined, { signal });
  }
}
