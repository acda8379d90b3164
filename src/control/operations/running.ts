// What runs for a database or a cache, whichever of the two it is.

import type { EnginePlan } from '../hosting/hosting.ts';
import type { Access } from '../model/access.ts';
import { findCache } from '../store/resources.ts';
import type { Db } from '../store/store.ts';
import { foundDatabase, groupFolderOf } from './database-operations.ts';
import { cachePlan, databasePlan, type PlanSettings } from './plans.ts';

export interface Runs {
  readonly plan: EnginePlan;
  /** The group that it is a member of. */
  readonly group: string | null;
  readonly isRunning: boolean;
}

/** `access`: in place of what is stored. */
export async function runsAs(
  db: Db,
  plans: PlanSettings,
  key: string,
  access?: Access,
): Promise<Runs> {
  const changed = access === undefined ? {} : { access };
  const cache = await findCache(db, key);
  if (cache !== undefined) {
    const plan = cachePlan(plans, { ...cache, ...changed });
    return { plan, group: null, isRunning: cache.hosting.runs.as !== 'nothing' };
  }
  const { cluster, database } = await foundDatabase(db, key);
  const plan = databasePlan(plans, cluster, { ...database, ...changed });
  const isRunning = database.hosting.runs.as !== 'nothing';
  return { plan, group: groupFolderOf(database), isRunning };
}
