// Tokens for data. An engine cannot read a token: it is told the digest of each one before its owner has it, as a
// password of the user with the owner's object id, and told to forget it when it has expired.

import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { passwordDigest } from '../../engine/acl.ts';
import type { Access } from '../model/access.ts';
import {
  addDataToken,
  type DataToken,
  dataTokensOf,
  forgetExpiredTokens,
} from '../store/data-tokens.ts';
import { isHeld } from '../store/operations.ts';
import { findCache, findDatabase, resourcesAdmitting, updateResource } from '../store/resources.ts';
import type { Db } from '../store/store.ts';
import type { OperationParts } from './database-operations.ts';
import { runsAs } from './running.ts';

/** The owner of a token waits no longer than that for engines that do not answer. */
const APPLY_MS_MAX = 5_000;

export interface DataAccessOptions extends OperationParts {
  readonly log: Logger;
}

export class DataAccess {
  readonly #options: DataAccessOptions;
  /** Told once more: one that started just then may have been started with what was known before. */
  readonly #again = new Set<string>();

  constructor(options: DataAccessOptions) {
    this.#options = options;
  }

  /** Makes a token good at every engine that its owner may use. */
  async admit(objectId: string, token: string, untilMs: number): Promise<void> {
    const { store } = this.#options;
    const keys = await store.change(async (change) => {
      await addDataToken(change, objectId, { digest: passwordDigest(token), untilMs });
      const tokens = await dataTokensOf(change, objectId, Date.now());
      const resources = await resourcesAdmitting(change, objectId);
      for (const { key, access } of resources) {
        await updateResource(change, key, { access: withTokens(access, objectId, tokens) });
      }
      return resources.map(({ key }) => key);
    });
    for (const key of keys) this.#again.add(key);
    const late = AbortSignal.timeout(APPLY_MS_MAX);
    const isLate = new Promise<void>((resolve) => late.addEventListener('abort', () => resolve()));
    await Promise.race([Promise.all(keys.map((key) => this.#apply(key))), isLate]);
  }

  /** Takes tokens that have expired from all engines, and the connections of those who have no other. */
  async expire(nowMs: number = Date.now()): Promise<void> {
    const { store } = this.#options;
    await forgetExpiredTokens(store.db, nowMs);
    const again = [...this.#again];
    this.#again.clear();
    for (const key of again) await this.#apply(key);
    for (const { key, access } of await resourcesAdmitting(store.db, null)) {
      const isGood = ({ untilMs }: DataToken): boolean => untilMs > nowMs;
      if (access.users.every(({ tokens }) => tokens.every(isGood))) continue;
      await store.change(async (change) => {
        const [now] = (await resourcesAdmitting(change, null)).filter((one) => one.key === key);
        if (now === undefined) return;
        const users = now.access.users.map((user) => ({
          ...user,
          tokens: user.tokens.filter(isGood),
        }));
        await updateResource(change, key, { access: { users } });
      });
      await this.#apply(key);
    }
  }

  async #apply(key: string): Promise<void> {
    const { store, hosting, plans, log } = this.#options;
    try {
      // Who is just being taken away must not come back by what was written before.
      if (await isHeld(store.db, key, 'change-access')) {
        this.#again.add(key);
        return;
      }
      const { plan, group, isRunning } = await runsAs(store.db, plans, key);
      if (isRunning) await hosting.reconfigure(group, plan);
      const now = await runsAs(store.db, plans, key);
      const isBusy = await isHeld(store.db, key, 'change-access');
      if (isBusy || !isDeepStrictEqual(now.plan, plan)) this.#again.add(key);
    } catch (err) {
      if (!(await isThere(store.db, key))) return;
      this.#again.add(key);
      log.warn({ err, key }, 'an engine does not know all tokens yet');
    }
  }
}

async function isThere(db: Db, key: string): Promise<boolean> {
  return ((await findCache(db, key)) ?? (await findDatabase(db, key))) !== undefined;
}

function withTokens({ users }: Access, name: string, tokens: DataToken[]): Access {
  return { users: users.map((user) => (user.name === name ? { ...user, tokens } : user)) };
}
