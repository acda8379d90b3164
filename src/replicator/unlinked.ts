// What a replicator does when it learns that the others do without it: its clients may only read from then on,
// and what nobody else has of its writes goes to the quarantine file. It stays so until it is wiped.

import type { Logger } from 'pino';
import { refuseWrites } from '../engine/client-access.ts';
import type { ReplicatorConfig } from './config.ts';
import type { Refusal } from './link/messages.ts';
import { type FrameSource, opsBeyond, quarantineFile, writeQuarantine } from './quarantine.ts';

export interface UnlinkedStatus {
  /** Up to which of its writes the others have them. */
  readonly kept: number;
  /** So many writes are in the quarantine file. */
  readonly quarantined: number;
  /** It was away for too long, and is to be filled anew without being asked. */
  readonly isStale: boolean;
}

export interface UnlinkedOptions {
  readonly config: Pick<ReplicatorConfig, 'self' | 'stateDir' | 'engine'>;
  readonly log: FrameSource;
  readonly logger: Logger;
}

export class Unlinked {
  readonly #options: UnlinkedOptions;
  #status: UnlinkedStatus | null = null;

  constructor(options: UnlinkedOptions) {
    this.#options = options;
  }

  /** null: as far as this replicator knows it is a member. */
  get status(): UnlinkedStatus | null {
    return this.#status;
  }

  /** A peer has refused this replicator. */
  refused({ code, kept }: Refusal): void {
    const isStale = code === 'stale';
    if (!(code === 'unlinked' || isStale) || kept === undefined || this.#status !== null) return;
    const { log, logger } = this.#options;
    const { self, stateDir, engine } = this.#options.config;
    const quarantined = writeQuarantine(stateDir, opsBeyond(log, self, kept));
    this.#status = { kept, quarantined, isStale };
    logger.error(
      { kept, quarantined, file: quarantineFile(stateDir) },
      `the others ${isStale ? 'no longer keep what this member lacks (STALE)' : 'have unlinked this member'}: its clients may only read from now on. ` +
        'Look at what it alone has with `atoll local quarantine`, then wipe it and link it again with `atoll local force-link`',
    );
    refuseWrites(engine).catch((error: unknown) => {
      logger.error({ error }, 'the engine still takes the writes of clients, which nobody gets');
    });
  }
}
