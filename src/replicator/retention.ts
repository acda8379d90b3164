// What the log keeps, and for whom: segments that everyone has go, of those that are kept for a member that is away
// goes what nobody needs.

import type { Logger } from 'pino';
import type { ReplicatorConfig } from './config.ts';
import type { Core } from './core.ts';
import { Compaction } from './log/compaction.ts';
import type { Log } from './log/log.ts';
import { supersededOps } from './superseded.ts';

export class Retention {
  readonly #log: Log;
  readonly #core: Core;
  readonly #compaction: Compaction;
  readonly #logger: Logger;

  constructor(log: Log, core: Core, config: ReplicatorConfig, logger: Logger) {
    this.#log = log;
    this.#core = core;
    this.#logger = logger;
    this.#compaction = new Compaction({
      log,
      logger,
      bytesMin: config.log.segmentBytes,
      judge: () => supersededOps(core),
    });
  }

  /** To be called every now and then. */
  release(): void {
    const { frontier, replicas, index } = this.#core;
    const everyoneHas = new Map(frontier);
    this.#log.release(everyoneHas, () => new Map(replicas.toEntries(index.replayable)));
    this.#compaction.consider(everyoneHas);
  }

  /**
   * Nothing follows. The log gets a segment that begins with what is known of the others: so what everyone has by
   * now can go after the next start, also where another member has been added by then.
   */
  conclude(now: number): void {
    try {
      this.#core.endTurn(now, true);
      this.#log.rotate();
    } catch (error) {
      this.#logger.warn({ error }, 'the log was not concluded');
    }
  }

  async close(): Promise<void> {
    await this.#compaction.close();
  }
}
