// What is done to databases, step by step: create (alone, with a new group, into a group), update, delete,
// force-unlink, force-link, flush.

import { z } from 'zod';
import { assert } from '../../base/assert.ts';
import type { Hosting } from '../hosting/hosting.ts';
import { databaseSettings } from '../model/settings.ts';
import type { OperationRecord } from '../store/operations.ts';
import {
  atRest,
  type ClusterRecord,
  type DatabaseRecord,
  deleteResource,
  findCluster,
  findDatabase,
  membersOf,
  updateResource,
} from '../store/resources.ts';
import type { Change, Db, Store } from '../store/store.ts';
import { databasePlan, type PlanSettings } from './plans.ts';
import type { Definition, StepContext } from './runner.ts';

export interface OperationParts {
  readonly store: Store;
  readonly hosting: Hosting;
  readonly plans: PlanSettings;
}

/** `how`: an engine of its own, the first member of a group, or one more. */
export const createInput = z.object({ how: z.enum(['alone', 'begin', 'join']) });
export const idsInput = z.object({ keys: z.array(z.string()) });
export const forceLinkInput = z.object({ group: z.string() });
export const updateInput = z.object({ settings: databaseSettings });

interface Found {
  readonly cluster: ClusterRecord;
  readonly database: DatabaseRecord;
}

/** A database that an operation is about stays until the operation is over: nobody else may remove it. */
export async function foundDatabase(db: Db, key: string): Promise<Found> {
  const database = await findDatabase(db, key);
  assert(database !== undefined, `database ${key} of an operation is there`);
  const cluster = await findCluster(db, database.clusterKey);
  assert(cluster !== undefined, `cluster of database ${key} is there`);
  return { cluster, database };
}

export function createDatabase({ store, hosting, plans }: OperationParts): Definition {
  const find = ({ operation }: StepContext) => foundDatabase(store.db, operation.targetKey);
  return {
    steps: [
      {
        name: 'start',
        run: async (context) => {
          const { cluster, database } = await find(context);
          const plan = databasePlan(plans, cluster, database);
          const { how } = createInput.parse(context.operation.input);
          if (how === 'alone') await hosting.startEngine(plan);
          else if (how === 'begin') await hosting.beginGroup(geoGroupOf(database), plan);
          else await hosting.joinGroup(geoGroupOf(database), plan);
        },
        undo: async (context) => {
          const { cluster, database } = await find(context);
          const { how } = createInput.parse(context.operation.input);
          const region = cluster.settings.location;
          if (how === 'alone') await hosting.removeEngine(database.hosting.runtime);
          else {
            const options = { lossless: false, isAgain: true };
            await hosting.leaveGroup(geoGroupOf(database), region, options);
          }
        },
      },
    ],
    succeeded: async (change, { targetKey }) => {
      const { database } = await foundDatabase(change, targetKey);
      await updateResource(change, targetKey, {
        provisioning: 'Succeeded',
        state: 'Running',
        linkState: database.geoGroup === null ? null : 'Linked',
        hosting: {
          ...database.hosting,
          runs:
            database.geoGroup === null
              ? { as: 'engine' }
              : { as: 'member', group: database.geoGroup },
        },
      });
    },
    failed: async (change, { targetKey }) => {
      const { database } = await foundDatabase(change, targetKey);
      await updateResource(change, targetKey, {
        provisioning: 'Failed',
        state: 'CreateFailed',
        geoGroup: null,
        linkState: null,
      });
      await dropEmptyGroup(change, database.geoGroup);
    },
  };
}

export function deleteDatabase({ store, hosting }: OperationParts): Definition {
  return {
    steps: [
      {
        name: 'remove',
        run: async ({ operation, isAgain }) => {
          const found = await foundDatabase(store.db, operation.targetKey);
          await removeRunning(hosting, found, { isAgain, lossless: true });
        },
      },
    ],
    succeeded: async (change, { targetKey }) => {
      await forgetDatabase(change, targetKey);
    },
    failed: async (change, { targetKey }) => {
      await updateResource(change, targetKey, { provisioning: 'Failed', state: 'DeleteFailed' });
    },
  };
}

/** Ends what runs of a database. */
export async function removeRunning(
  hosting: Hosting,
  { cluster, database }: Found,
  options: { readonly isAgain: boolean; readonly lossless: boolean },
): Promise<void> {
  const { runtime, runs } = database.hosting;
  if (runs.as === 'engine') await hosting.removeEngine(runtime);
  if (runs.as === 'member') {
    await hosting.leaveGroup(runs.group, cluster.settings.location, options);
  }
}

export async function forgetDatabase(change: Change, key: string): Promise<void> {
  const { database } = await foundDatabase(change, key);
  await deleteResource(change, key);
  await dropEmptyGroup(change, database.geoGroup);
}

/** A group is gone with its last member. */
async function dropEmptyGroup(change: Change, group: string | null): Promise<void> {
  if (group === null || (await membersOf(change, group)).length > 0) return;
  await change.deleteFrom('geo_groups').where('id', '=', group).execute();
}

/** The target is the member that was asked, which stays; the input names those that go. */
export function forceUnlink({ store, hosting }: OperationParts): Definition {
  const lost = async (db: Db, { input }: OperationRecord): Promise<Found[]> => {
    const { keys } = idsInput.parse(input);
    return await Promise.all(keys.map((key) => foundDatabase(db, key)));
  };
  return {
    steps: [
      {
        name: 'unlink',
        run: async ({ operation, isAgain }) => {
          const { database } = await foundDatabase(store.db, operation.targetKey);
          for (const { cluster } of await lost(store.db, operation)) {
            await hosting.unlink(geoGroupOf(database), cluster.settings.location, { isAgain });
          }
        },
      },
    ],
    succeeded: async (change, operation) => {
      for (const { database } of await lost(change, operation)) {
        await updateResource(change, database.key, {
          geoGroup: null,
          linkState: null,
          provisioning: 'Succeeded',
          state: 'Disabled',
        });
      }
      await atRest(change, operation.targetKey);
    },
    failed: async (change, operation) => {
      for (const { database } of await lost(change, operation)) {
        await updateResource(change, database.key, {
          linkState: 'UnlinkFailed',
          provisioning: 'Succeeded',
        });
      }
      await atRest(change, operation.targetKey);
    },
  };
}

export function forceLink({ store, hosting, plans }: OperationParts): Definition {
  const find = async ({ operation }: StepContext) => {
    const { group } = forceLinkInput.parse(operation.input);
    return { group, ...(await foundDatabase(store.db, operation.targetKey)) };
  };
  return {
    steps: [
      {
        name: 'wipe',
        run: async (context) => {
          const { group, cluster, database } = await find(context);
          const { runs, runtime } = database.hosting;
          if (runs.as === 'engine') await hosting.removeEngine(runtime);
          // One that was a member of this very group is wiped when it is linked again.
          if (runs.as === 'member' && runs.group !== group) {
            const options = { isAgain: context.isAgain, lossless: false };
            await hosting.leaveGroup(runs.group, cluster.settings.location, options);
          }
        },
      },
      {
        name: 'link',
        run: async (context) => {
          const { group, cluster, database } = await find(context);
          const plan = databasePlan(plans, cluster, database);
          await hosting.relink(group, plan, { isAgain: context.isAgain });
        },
        undo: async (context) => {
          const { group, cluster } = await find(context);
          const options = { lossless: false, isAgain: true };
          await hosting.leaveGroup(group, cluster.settings.location, options);
        },
      },
    ],
    succeeded: async (change, { targetKey, input }) => {
      const { group } = forceLinkInput.parse(input);
      const { database } = await foundDatabase(change, targetKey);
      await updateResource(change, targetKey, {
        ...{ geoGroup: group, linkState: 'Linked', provisioning: 'Succeeded', state: 'Running' },
        hosting: { ...database.hosting, runs: { as: 'member', group } },
      });
    },
    // Its data is gone in any case: that is what a force-link begins with.
    failed: async (change, { targetKey, input }) => {
      const { group } = forceLinkInput.parse(input);
      const { database } = await foundDatabase(change, targetKey);
      await updateResource(change, targetKey, {
        ...{ geoGroup: null, linkState: null, provisioning: 'Failed', state: 'EnableFailed' },
        hosting: { ...database.hosting, runs: { as: 'nothing' } },
      });
      await dropEmptyGroup(change, group);
    },
  };
}

export function flushDatabase({ store, hosting, plans }: OperationParts): Definition {
  return {
    steps: [
      {
        name: 'flush',
        run: async ({ operation }) => {
          const { cluster, database } = await foundDatabase(store.db, operation.targetKey);
          if (database.geoGroup !== null) await hosting.flushGroup(database.geoGroup);
          else await hosting.flushEngine(databasePlan(plans, cluster, database));
        },
      },
    ],
    succeeded: async (change, { targetKey }) => await allAtRest(change, targetKey),
    failed: async (change, { targetKey }) => await allAtRest(change, targetKey),
  };
}

export function updateDatabase({ store, hosting, plans }: OperationParts): Definition {
  return {
    steps: [
      {
        name: 'reconfigure',
        run: async ({ operation }) => {
          const { cluster, database } = await foundDatabase(store.db, operation.targetKey);
          const { settings } = updateInput.parse(operation.input);
          const plan = databasePlan(plans, cluster, { ...database, settings });
          await hosting.reconfigure(groupFolderOf(database), plan);
        },
        undo: async ({ operation }) => {
          const { cluster, database } = await foundDatabase(store.db, operation.targetKey);
          const plan = databasePlan(plans, cluster, database);
          await hosting.reconfigure(groupFolderOf(database), plan);
        },
      },
    ],
    succeeded: async (change, { targetKey, input }) => {
      const { settings } = updateInput.parse(input);
      await updateResource(change, targetKey, {
        ...{ settings, provisioning: 'Succeeded', state: 'Running' },
      });
    },
    failed: async (change, { targetKey }) => {
      await updateResource(change, targetKey, { provisioning: 'Succeeded', state: 'UpdateFailed' });
    },
  };
}

/** The folder in which a database runs as a member; null: it has an engine of its own. */
export function groupFolderOf({ hosting: { runs } }: Pick<DatabaseRecord, 'hosting'>) {
  return runs.as === 'member' ? runs.group : null;
}

/** It, and all members of its group. */
export async function allAtRest(change: Change, key: string): Promise<void> {
  const { database } = await foundDatabase(change, key);
  const members = database.geoGroup === null ? [] : await membersOf(change, database.geoGroup);
  for (const one of new Set([key, ...members.map((member) => member.key)])) {
    await atRest(change, one);
  }
}

function geoGroupOf({ geoGroup, key }: DatabaseRecord): string {
  assert(geoGroup !== null, `database ${key} is in a group`);
  return geoGroup;
}
