// Microsoft.Cache/redisEnterprise/databases: reading, changing, deleting, keys. Creation stands in
// database-creation.ts, what is done to groups in geo-actions.ts.

import { notFound, refuse } from '../model/arm-error.ts';
import { type DatabaseBody, databaseBody, keyTypeBody } from '../model/bodies.ts';
import { checkUpdate } from '../model/geo-actions.ts';
import { checkGeoUnchanged } from '../model/geo-rules.ts';
import { databaseId } from '../model/resource-id.ts';
import { checkSameProtocol, databaseChanged } from '../model/settings.ts';
import { groupFolderOf } from '../operations/database-operations.ts';
import { databasePlan } from '../operations/plans.ts';
import { AccessKeys } from '../store/access-keys.ts';
import { checkFree } from '../store/operations.ts';
import {
  type DatabaseRecord,
  databasesOf,
  findCluster,
  findDatabase,
  updateResource,
} from '../store/resources.ts';
import type { Db } from '../store/store.ts';
import { CLUSTER, existingCluster } from './clusters.ts';
import { createDatabase } from './database-creation.ts';
import { geoViewOf, groupHold, loadKnown, loadMembers } from './geo-state.ts';
import { type Begun, operationHeaders, transitionalHeaders } from './long-running.ts';
import { type ApiParts, keysAreOff, newOperation, pathOf } from './parts.ts';
import {
  type Answer,
  type ApiRequest,
  ok,
  parameter,
  type Route,
  route,
  routeWithBody,
} from './route.ts';
import { databaseView } from './views.ts';

export const DATABASE_ACTIONS = 'Microsoft.Cache/redisEnterprise/databases';
export const DATABASE = `${CLUSTER}/databases/:database`;

export function databaseRoutes(parts: ApiParts): Route[] {
  return [...readingRoutes(parts), ...changingRoutes(parts), ...keyRoutes(parts)];
}

function readingRoutes({ store }: ApiParts): Route[] {
  return [
    route({
      method: 'GET',
      path: `${CLUSTER}/databases`,
      operationId: 'Databases_ListByCluster',
      summary: 'The databases of a cluster.',
      action: `${DATABASE_ACTIONS}/read`,
      handle: async (request) => {
        const cluster = await existingCluster(store.db, request);
        const databases = await databasesOf(store.db, cluster.key);
        return ok({ value: await Promise.all(databases.map((one) => viewOf(store.db, one))) });
      },
    }),
    route({
      method: 'GET',
      path: DATABASE,
      operationId: 'Databases_Get',
      summary: 'A database, with its geo-replication group and the state of each member.',
      action: `${DATABASE_ACTIONS}/read`,
      handle: async (request) => {
        const database = await existingDatabase(store.db, request);
        const headers = transitionalHeaders(database.provisioning);
        return { ...ok(await viewOf(store.db, database)), headers };
      },
    }),
  ];
}

function changingRoutes(parts: ApiParts): Route[] {
  return [
    routeWithBody({
      method: 'PUT',
      path: DATABASE,
      operationId: 'Databases_Create',
      summary:
        'Creates a database: alone, with a new geo-replication group, or into an existing one.',
      action: `${DATABASE_ACTIONS}/write`,
      body: databaseBody,
      handle: async (request, body) => {
        const properties = body.properties ?? {};
        const begun = await createDatabase(parts, request, properties);
        if (begun === null) return await updating(parts, request, properties);
        return await begunAnswer(parts, request, begun, 201);
      },
    }),
    routeWithBody({
      method: 'PATCH',
      path: DATABASE,
      operationId: 'Databases_Update',
      summary: 'Changes what the body names.',
      action: `${DATABASE_ACTIONS}/write`,
      body: databaseBody,
      handle: (request, body) => updating(parts, request, body.properties ?? {}),
    }),
    route({
      method: 'DELETE',
      path: DATABASE,
      operationId: 'Databases_Delete',
      summary: 'Deletes a database, which leaves its geo-replication group.',
      action: `${DATABASE_ACTIONS}/delete`,
      isDestructive: true,
      handle: (request) => remove(parts, request),
    }),
  ];
}

function keyRoutes(parts: ApiParts): Route[] {
  return [
    route({
      method: 'POST',
      path: `${DATABASE}/listKeys`,
      operationId: 'Databases_ListKeys',
      summary: 'The access keys of a database.',
      action: `${DATABASE_ACTIONS}/listKeys/action`,
      handle: async (request) => {
        const { id, key, secrets, settings } = await existingDatabase(parts.store.db, request);
        if (settings.accessKeysAuthentication === 'Disabled') throw keysAreOff(id);
        return ok(AccessKeys.unsealed(parts.plans.sealer, key, secrets ?? '').wire);
      },
    }),
    routeWithBody({
      method: 'POST',
      path: `${DATABASE}/regenerateKey`,
      operationId: 'Databases_RegenerateKey',
      summary: 'Replaces one of the access keys.',
      action: `${DATABASE_ACTIONS}/regenerateKey/action`,
      isDestructive: true,
      body: keyTypeBody,
      handle: (request, { keyType }) => regenerateKey(parts, request, keyType),
    }),
  ];
}

export async function viewOf(db: Db, database: DatabaseRecord): Promise<object> {
  return databaseView(database, await geoViewOf(db, database));
}

/** Throws ArmError 404. */
export async function existingDatabase(db: Db, request: ApiRequest): Promise<DatabaseRecord> {
  const cluster = await existingCluster(db, request);
  const id = `${cluster.id}/databases/${parameter(request, 'database')}`;
  const found = await findDatabase(db, id);
  if (found === undefined) throw notFound(id);
  return found;
}

export async function begunAnswer(
  parts: ApiParts,
  request: ApiRequest,
  begun: Begun,
  status: number,
): Promise<Answer> {
  const body = await viewOf(parts.store.db, await existingDatabase(parts.store.db, request));
  parts.runner.wake();
  return { status, body, headers: operationHeaders(request, begun) };
}

async function updating(parts: ApiParts, request: ApiRequest, body: DatabaseBody): Promise<Answer> {
  const begun = await parts.store.change(async (change) => {
    const { id } = await existingDatabase(change, request);
    const own = await loadKnown(change, id);
    if (own === undefined) throw notFound(id);
    const { record, group } = own;
    const members = group === null ? [] : await loadMembers(change, group.id);
    if (body.geoReplication != null) {
      const { groupNickname = null, linkedDatabases } = body.geoReplication;
      const linkedIds = (linkedDatabases ?? []).map((one) => one.id);
      refuse(checkGeoUnchanged(own, { nickname: groupNickname, linkedIds }, members));
    }
    const settings = databaseChanged(record.settings, body);
    if (record.hosting.runs.as === 'member') refuse(checkSameProtocol(record.settings, settings));
    const others = members.filter((one) => one.record.key !== record.key);
    refuse(checkUpdate(own, { cluster: own.cluster, database: settings }, others));
    if (JSON.stringify(settings) === JSON.stringify(record.settings)) return null;
    const operation = await newOperation(
      change,
      {
        ...{ kind: 'update-database', targetId: record.id, targetKey: record.key },
        ...{ subscription: record.subscription, location: own.cluster.location },
        ...{ input: { settings }, holds: [record.key, record.clusterKey] },
      },
      request,
    );
    await updateResource(change, record.key, { provisioning: 'Updating', state: 'Updating' });
    return operation;
  });
  if (begun !== null) return await begunAnswer(parts, request, begun, 200);
  return ok(await viewOf(parts.store.db, await existingDatabase(parts.store.db, request)));
}

async function remove(parts: ApiParts, request: ApiRequest): Promise<Answer> {
  const id = databaseId({
    ...pathOf(request),
    cluster: parameter(request, 'cluster'),
    database: parameter(request, 'database'),
  });
  const begun = await parts.store.change(async (change) => {
    const database = await findDatabase(change, id);
    if (database === undefined) return null;
    const { key, clusterKey, geoGroup, subscription } = database;
    const cluster = await findCluster(change, clusterKey);
    const operation = await newOperation(
      change,
      {
        ...{ kind: 'delete-database', targetId: database.id, targetKey: key, subscription },
        location: cluster?.settings.location ?? '',
        holds: [key, clusterKey, ...(geoGroup === null ? [] : [groupHold(geoGroup)])],
      },
      request,
    );
    await updateResource(change, key, {
      ...{ provisioning: 'Deleting', state: 'Deleting' },
      ...(geoGroup === null ? {} : { linkState: 'Unlinking' }),
    });
    return operation;
  });
  if (begun === null) return { status: 204 };
  parts.runner.wake();
  return { status: 202, headers: operationHeaders(request, begun) };
}

/** At once, and not as an operation: clients take the keys from the answer. */
async function regenerateKey(
  parts: ApiParts,
  request: ApiRequest,
  which: 'Primary' | 'Secondary',
): Promise<Answer> {
  const { store, plans, hosting } = parts;
  const { keys, database } = await store.change(async (change) => {
    const found = await existingDatabase(change, request);
    await checkFree(change, [found.key]);
    if (found.settings.accessKeysAuthentication === 'Disabled') throw keysAreOff(found.id);
    const renewed = AccessKeys.unsealed(plans.sealer, found.key, found.secrets ?? '').renewed(
      which,
    );
    const secrets = renewed.sealed(plans.sealer, found.key);
    await updateResource(change, found.key, { secrets });
    return { keys: renewed, database: { ...found, secrets } };
  });
  const cluster = await findCluster(store.db, database.clusterKey);
  if (cluster !== undefined && database.hosting.runs.as !== 'nothing') {
    await hosting.reconfigure(groupFolderOf(database), databasePlan(plans, cluster, database));
  }
  return ok(keys.wire);
}
