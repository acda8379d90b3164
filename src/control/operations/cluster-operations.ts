// What is done to clusters, to caches of the classes Basic, Standard and Premium, and to resource groups.

import { z } from 'zod';
import { assert } from '../../base/assert.ts';
import { cacheSettings } from '../model/cache-settings.ts';
import { clusterSettings } from '../model/settings.ts';
import {
  atRest,
  type CacheRecord,
  databasesOf,
  deleteResource,
  findCache,
  findCluster,
  updateResource,
} from '../store/resources.ts';
import type { Change, Db } from '../store/store.ts';
import {
  forgetDatabase,
  foundDatabase,
  groupFolderOf,
  type OperationParts,
  removeRunning,
} from './database-operations.ts';
import { cachePlan, databaseMemoryBytes, databasePlan } from './plans.ts';
import type { Definition } from './runner.ts';

export const clusterInput = z.object({ settings: clusterSettings });
export const cacheInput = z.object({ settings: cacheSettings });

/** A cluster is an address and settings; what runs is its database. */
export function createCluster(): Definition {
  return {
    steps: [],
    succeeded: (change, { targetKey }) => atRest(change, targetKey),
    failed: (change, { targetKey }) => failedAs(change, targetKey, 'CreateFailed'),
  };
}

export function updateCluster({ store, hosting, plans }: OperationParts): Definition {
  const apply = async (key: string, input: unknown, isUndone: boolean): Promise<void> => {
    const stored = await findCluster(store.db, key);
    assert(stored !== undefined, `cluster ${key} of an operation is there`);
    const { settings } = clusterInput.parse(input);
    const cluster = isUndone ? stored : { ...stored, settings };
    for (const database of await databasesOf(store.db, key)) {
      if (database.hosting.runs.as === 'nothing') continue;
      const plan = databasePlan(plans, cluster, database);
      await hosting.reconfigure(groupFolderOf(database), plan);
    }
  };
  return {
    steps: [
      {
        name: 'reconfigure',
        run: ({ operation }) => apply(operation.targetKey, operation.input, false),
        undo: ({ operation }) => apply(operation.targetKey, operation.input, true),
      },
    ],
    succeeded: async (change, { targetKey, input }) => {
      const { settings } = clusterInput.parse(input);
      await updateResource(change, targetKey, {
        ...{ settings, provisioning: 'Succeeded', state: 'Running' },
      });
      const memoryBytes = databaseMemoryBytes(plans.sizing, { settings });
      for (const { key, hosting: runs } of await databasesOf(change, targetKey)) {
        await updateResource(change, key, { hosting: { ...runs, memoryBytes } });
      }
    },
    failed: async (change, { targetKey }) => {
      await updateResource(change, targetKey, { provisioning: 'Succeeded', state: 'UpdateFailed' });
    },
  };
}

export function deleteCluster({ store, hosting }: OperationParts): Definition {
  return {
    steps: [
      {
        name: 'remove databases',
        run: async ({ operation, isAgain }) => {
          for (const { key } of await databasesOf(store.db, operation.targetKey)) {
            const found = await foundDatabase(store.db, key);
            await removeRunning(hosting, found, { isAgain, lossless: true });
          }
        },
      },
    ],
    succeeded: async (change, { targetKey }) => {
      for (const { key } of await databasesOf(change, targetKey)) await forgetDatabase(change, key);
      await deleteResource(change, targetKey);
    },
    failed: async (change, { targetKey }) => {
      for (const { key } of await databasesOf(change, targetKey)) {
        await failedAs(change, key, 'DeleteFailed');
      }
      await failedAs(change, targetKey, 'DeleteFailed');
    },
  };
}

export function createCache({ store, hosting, plans }: OperationParts): Definition {
  return {
    steps: [
      {
        name: 'start',
        run: async ({ operation }) => {
          await hosting.startEngine(
            cachePlan(plans, await foundCache(store.db, operation.targetKey)),
          );
        },
        undo: async ({ operation }) => {
          const cache = await foundCache(store.db, operation.targetKey);
          await hosting.removeEngine(cache.hosting.runtime);
        },
      },
    ],
    succeeded: async (change, { targetKey }) => {
      const cache = await foundCache(change, targetKey);
      const hosting = { ...cache.hosting, runs: { as: 'engine' } };
      await updateResource(change, targetKey, { hosting });
      await atRest(change, targetKey);
    },
    failed: (change, { targetKey }) => failedAs(change, targetKey, 'CreateFailed'),
  };
}

export function updateCache({ store, hosting, plans }: OperationParts): Definition {
  return {
    steps: [
      {
        name: 'reconfigure',
        run: async ({ operation }) => {
          const { settings } = cacheInput.parse(operation.input);
          const cache = { ...(await foundCache(store.db, operation.targetKey)), settings };
          await hosting.reconfigure(null, cachePlan(plans, cache));
        },
        undo: async ({ operation }) => {
          const cache = await foundCache(store.db, operation.targetKey);
          await hosting.reconfigure(null, cachePlan(plans, cache));
        },
      },
    ],
    succeeded: async (change, { targetKey, input }) => {
      const { settings } = cacheInput.parse(input);
      await updateResource(change, targetKey, { settings });
      await atRest(change, targetKey);
    },
    failed: async (change, { targetKey }) => {
      await updateResource(change, targetKey, { provisioning: 'Succeeded', state: 'UpdateFailed' });
    },
  };
}

export function deleteCache({ store, hosting }: OperationParts): Definition {
  return {
    steps: [
      {
        name: 'remove',
        run: async ({ operation }) => {
          const cache = await foundCache(store.db, operation.targetKey);
          await hosting.removeEngine(cache.hosting.runtime);
        },
      },
    ],
    succeeded: (change, { targetKey }) => deleteResource(change, targetKey),
    failed: (change, { targetKey }) => failedAs(change, targetKey, 'DeleteFailed'),
  };
}

export function flushCache({ store, hosting, plans }: OperationParts): Definition {
  return {
    steps: [
      {
        name: 'flush',
        run: async ({ operation }) => {
          await hosting.flushEngine(
            cachePlan(plans, await foundCache(store.db, operation.targetKey)),
          );
        },
      },
    ],
    succeeded: (change, { targetKey }) => atRest(change, targetKey),
    failed: (change, { targetKey }) => atRest(change, targetKey),
  };
}

export function rebootCache({ store, hosting, plans }: OperationParts): Definition {
  return {
    steps: [
      {
        name: 'restart',
        run: async ({ operation }) => {
          const cache = await foundCache(store.db, operation.targetKey);
          await hosting.restartEngine(cachePlan(plans, cache));
        },
      },
    ],
    succeeded: (change, { targetKey }) => atRest(change, targetKey),
    failed: (change, { targetKey }) => atRest(change, targetKey),
  };
}

/** The target's key is that of the resource group; what is in it goes first. */
export function deleteResourceGroup({ store, hosting }: OperationParts): Definition {
  const keysIn = async (db: Db, group: string, type: 'database' | 'cluster' | 'cache') => {
    const rows = await db
      .selectFrom('resources')
      .select('key')
      .where('group_key', '=', group)
      .where('type', '=', type)
      .execute();
    return rows.map(({ key }) => key);
  };
  return {
    steps: [
      {
        name: 'remove everything in it',
        run: async ({ operation, isAgain }) => {
          for (const key of await keysIn(store.db, operation.targetKey, 'database')) {
            const found = await foundDatabase(store.db, key);
            await removeRunning(hosting, found, { isAgain, lossless: true });
          }
          for (const key of await keysIn(store.db, operation.targetKey, 'cache')) {
            await hosting.removeEngine((await foundCache(store.db, key)).hosting.runtime);
          }
        },
      },
    ],
    succeeded: async (change, { targetKey }) => {
      for (const key of await keysIn(change, targetKey, 'database')) {
        await forgetDatabase(change, key);
      }
      await change.deleteFrom('resources').where('group_key', '=', targetKey).execute();
      await change.deleteFrom('resource_groups').where('key', '=', targetKey).execute();
    },
    failed: async (change, { targetKey }) => {
      for (const type of ['database', 'cluster', 'cache'] as const) {
        for (const key of await keysIn(change, targetKey, type)) {
          await failedAs(change, key, 'DeleteFailed');
        }
      }
    },
  };
}

async function foundCache(db: Db, key: string): Promise<CacheRecord> {
  const cache = await findCache(db, key);
  assert(cache !== undefined, `cache ${key} of an operation is there`);
  return cache;
}

async function failedAs(change: Change, key: string, state: string): Promise<void> {
  await updateResource(change, key, { provisioning: 'Failed', state });
}
