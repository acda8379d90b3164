// Looks, every second, that everything runs that is to run: engines without a group, and the supervisors of groups,
// which look after the rest. The first look after a start adopts what an earlier control plane left running.

import type { Logger } from 'pino';
import { Rounds } from '../base/rounds.ts';
import type { ApiParts } from './api/parts.ts';
import type { EnginePlan, Expected } from './hosting/hosting.ts';
import type { DataAccess } from './operations/data-access.ts';
import { cachePlan, databasePlan } from './operations/plans.ts';
import { heldKeys } from './store/operations.ts';
import { allCaches, allDatabases, clustersOf } from './store/resources.ts';

const LOOK_EVERY_MS = 1_000;
/** One look in so many is also at tokens that have expired. */
const TOKENS_EVERY = 3;

export interface KeeperParts extends Pick<ApiParts, 'store' | 'hosting' | 'plans'> {
  readonly dataAccess: DataAccess;
}

export class Keeper {
  readonly #parts: KeeperParts;
  readonly #log: Logger;
  readonly #rounds = new Rounds();
  #looks = 0;
  #isExpiring = false;

  constructor(parts: KeeperParts, log: Logger) {
    this.#parts = parts;
    this.#log = log;
  }

  start(): void {
    this.#rounds.start(
      () => this.#look(),
      () => LOOK_EVERY_MS,
    );
  }

  async stop(): Promise<void> {
    await this.#rounds.stop();
  }

  async #look(): Promise<void> {
    if (this.#looks++ % TOKENS_EVERY === 0) this.#expireTokens();
    try {
      await this.#parts.hosting.keep(await this.#expected());
    } catch (err) {
      this.#log.error({ err }, 'not everything could be kept running');
    }
  }

  /** An engine that hangs must not keep the others from being looked after. */
  #expireTokens(): void {
    if (this.#isExpiring) return;
    this.#isExpiring = true;
    this.#parts.dataAccess
      .expire()
      .catch((err: unknown) => {
        if (!this.#rounds.signal.aborted) this.#log.error({ err }, 'tokens were not taken away');
      })
      .finally(() => {
        this.#isExpiring = false;
      });
  }

  /** What an operation works on just now is its own business. */
  async #expected(): Promise<Expected> {
    const { store, plans } = this.#parts;
    const engines: EnginePlan[] = [];
    const groups = new Set<string>();
    const held = await heldKeys(store.db);
    const databases = (await allDatabases(store.db)).filter(({ key }) => !held.has(key));
    const alone = databases.filter(({ hosting }) => hosting.runs.as === 'engine');
    const clusters = await clustersOf(store.db, alone);
    for (const { hosting } of databases) {
      if (hosting.runs.as === 'member') groups.add(hosting.runs.group);
    }
    for (const database of alone) {
      const cluster = clusters.get(database.clusterKey);
      if (cluster !== undefined) engines.push(databasePlan(plans, cluster, database));
    }
    for (const cache of await allCaches(store.db)) {
      const isMine = cache.hosting.runs.as === 'engine' && !held.has(cache.key);
      if (isMine) engines.push(cachePlan(plans, cache));
    }
    return { engines, groups: [...groups] };
  }
}
