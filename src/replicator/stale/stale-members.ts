// Members that a replicator does without since too much was kept for them: what it says of them to its peers, to
// operators and to themselves. Once all who remain agree, the replicator starts anew without them.

import type { Logger } from 'pino';
import { bytesText } from '../../base/amounts.ts';
import type { ReplicaId, VersionEntries } from '../../model/version-vector.ts';
import type { ReplicatorConfig } from '../config.ts';
import type { Standing } from '../link/greeting.ts';
import type { Refusal } from '../link/messages.ts';
import type { Excess } from '../outages.ts';
import type { StaleStatus } from '../status.ts';
import { readStaleState, writeStaleState } from './stale-file.ts';
import { type Outcome, Staleness } from './staleness.ts';

export interface StaleMembersParts {
  readonly config: Pick<ReplicatorConfig, 'self' | 'epoch' | 'stateDir' | 'members'>;
  readonly received: (origin: ReplicaId) => number;
  readonly logger: Logger;
  /** What this member says in greetings has changed. */
  readonly onFound: () => void;
  /** All agree: the members that are left have to be started with. */
  readonly onAgreed: () => void;
}

export class StaleMembers implements Standing {
  readonly #parts: StaleMembersParts;
  readonly #staleness: Staleness;
  readonly #told = new Set<ReplicaId>();

  /** Throws OperatorError. */
  constructor(parts: StaleMembersParts) {
    this.#parts = parts;
    const { self, epoch, stateDir, members } = parts.config;
    this.#staleness = new Staleness(
      {
        self,
        epoch,
        members: members.filter(({ gone }) => gone === undefined).map(({ id }) => id),
        received: parts.received,
        store: (state) => writeStaleState(stateDir, state),
      },
      readStaleState(stateDir),
    );
  }

  /** To be called once the log is replayed. */
  begin(): void {
    this.#staleness.begin();
  }

  /** Those of whom all agree, each with the last of its ops that anybody has. */
  get gone(): ReadonlyMap<ReplicaId, number> {
    return this.#staleness.agreed;
  }

  get found(): VersionEntries {
    return this.#staleness.found;
  }

  isStale(id: ReplicaId): boolean {
    return this.#staleness.isStale(id);
  }

  /** So much is kept for `behind` that this member goes on without them, if enough can be reached. */
  leave(behind: readonly Excess[], away: readonly ReplicaId[]): void {
    const fresh = behind.filter(({ id }) => !this.isStale(id));
    if (fresh.length === 0) return;
    const ids = fresh.map(({ id }) => id);
    const outcome = this.#staleness.mayFind(away)
      ? this.#stored(() => this.#staleness.find(ids))
      : 'nothing';
    for (const { id, why, bytes } of fresh) this.#tell(id, outcome, why, bytes);
    this.#follow(outcome);
  }

  heard(peer: ReplicaId, found: VersionEntries): void {
    const before = new Set(this.found.map(([id]) => id));
    const outcome = this.#stored(() => this.#staleness.heard(peer, found));
    for (const [id] of this.found) {
      if (before.has(id)) continue;
      const by = this.#regionOf(peer);
      this.#parts.logger.error(
        { peer: id, code: 'STALE' },
        `${this.#regionOf(id)} is stale for ${by}, and so it is here: nothing is kept for it any more`,
      );
    }
    this.#follow(outcome);
  }

  refusalOf(peer: ReplicaId): Refusal | undefined {
    if (!this.isStale(peer)) return undefined;
    const kept = this.gone.get(peer);
    return {
      code: 'stale',
      message: `replicator ${peer} was away for too long: what it lacks is kept no more`,
      action:
        'it must be wiped and filled again: a local group does it by itself, else use `atoll local force-link`',
      ...(kept === undefined ? {} : { kept }),
    };
  }

  /** null: it is not stale. */
  statusOf(peer: ReplicaId): StaleStatus | null {
    if (!this.isStale(peer)) return null;
    const kept = this.gone.get(peer) ?? null;
    const awaited = kept === null ? this.#staleness.awaited.map((id) => this.#regionOf(id)) : [];
    const region = this.#regionOf(peer);
    const alarm =
      kept === null
        ? `${region} is stale, but ${awaited.join(' and ')} must agree before what is kept for it can go. Mend the links with ${awaited.join(' and ')}.`
        : `${region} is stale: nothing is kept for it any more. When it can be reached again it has to be filled anew; in a local group that happens by itself.`;
    return { kept, awaited, alarm };
  }

  #tell(id: ReplicaId, outcome: Outcome, why: string, bytes: number): void {
    const region = this.#regionOf(id);
    const { logger } = this.#parts;
    if (outcome !== 'nothing') {
      logger.error(
        { peer: id, code: 'STALE', bytes },
        `${region} is stale: it cannot be reached, ${bytesText(bytes)} are kept for it, and ${why}. ` +
          'Nothing is kept for it from now on; it has to be filled anew when it comes back',
      );
    } else if (!this.#told.has(id)) {
      this.#told.add(id);
      logger.error(
        { peer: id, bytes },
        `${why}, but this side of the group is too small to go on without ${region}: everything is kept on. ` +
          'Mend the links, add disk space, or force-unlink it',
      );
    }
  }

  /** What cannot be stored is not said: it is tried again. */
  #stored(input: () => Outcome): Outcome {
    try {
      return input();
    } catch (error) {
      this.#parts.logger.error({ error }, 'who is stale cannot be stored');
      return 'nothing';
    }
  }

  /** Not at once: who called may be in the midst of a greeting. */
  #follow(outcome: Outcome): void {
    if (outcome === 'nothing') return;
    const { onAgreed, onFound } = this.#parts;
    setImmediate(outcome === 'agreed' ? onAgreed : onFound);
  }

  #regionOf(id: ReplicaId): string {
    return this.#parts.config.members.find((m) => m.id === id)?.region ?? `replica ${id}`;
  }
}
