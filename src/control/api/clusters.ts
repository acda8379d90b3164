// Microsoft.Cache/redisEnterprise: clusters.

import type { ApiVersion } from '../model/api-version.ts';
import { cannotMove, notFound, refuse } from '../model/arm-error.ts';
import { type ClusterBody, clusterBody, clusterPatch } from '../model/bodies.ts';
import { checkUpdate, skusForScaling } from '../model/geo-actions.ts';
import { clusterId, keyOf } from '../model/resource-id.ts';
import { type ClusterSettings, clusterChanged, clusterFrom } from '../model/settings.ts';
import { databaseMemoryBytes } from '../operations/plans.ts';
import {
  type ClusterRecord,
  databasesOf,
  findCluster,
  insertResource,
  listRows,
  readCluster,
  updateResource,
} from '../store/resources.ts';
import type { Change, Db } from '../store/store.ts';
import { groupHold, loadKnown, loadMembers } from './geo-state.ts';
import { listAnswer } from './listing.ts';
import { type Begun, operationHeaders, transitionalHeaders } from './long-running.ts';
import {
  type ApiParts,
  checkCapacity,
  existingGroupOf,
  groupForCreation,
  newOperation,
  pathOf,
} from './parts.ts';
import { clusterNeed, newPlace } from './placement.ts';
import {
  type Answer,
  type ApiRequest,
  ok,
  parameter,
  type Route,
  route,
  routeWithBody,
} from './route.ts';
import { clusterView } from './views.ts';

const TYPE = 'Microsoft.Cache/redisEnterprise';
const GROUP = '/subscriptions/:subscription/resourceGroups/:resourceGroup';
export const CLUSTER = `${GROUP}/providers/Microsoft.Cache/redisEnterprise/:cluster`;

export function clusterRoutes(parts: ApiParts): Route[] {
  return [...listRoutes(parts), ...oneRoutes(parts)];
}

function listRoutes(parts: ApiParts): Route[] {
  const list = async (request: ApiRequest, resourceGroup?: string): Promise<Answer> =>
    await listAnswer(request, async (afterKey, limit) => {
      const { subscription } = pathOf(request);
      const question = { type: 'cluster' as const, subscription, resourceGroup, afterKey, limit };
      const rows = await listRows(parts.store.db, question);
      return rows.map((row) => ({
        key: row.key,
        view: clusterView(parts.plans, readCluster(row)),
      }));
    });
  return [
    route({
      method: 'GET',
      path: '/subscriptions/:subscription/providers/Microsoft.Cache/redisEnterprise',
      operationId: 'RedisEnterprise_List',
      summary: 'All clusters of a subscription.',
      action: `${TYPE}/read`,
      handle: (request) => list(request),
    }),
    route({
      method: 'GET',
      path: `${GROUP}/providers/Microsoft.Cache/redisEnterprise`,
      operationId: 'RedisEnterprise_ListByResourceGroup',
      summary: 'All clusters of a resource group.',
      action: `${TYPE}/read`,
      handle: async (request) => {
        const { resourceGroup } = await existingGroupOf(parts.store.db, request);
        return await list(request, resourceGroup);
      },
    }),
  ];
}

function oneRoutes(parts: ApiParts): Route[] {
  return [
    routeWithBody({
      method: 'PUT',
      path: CLUSTER,
      operationId: 'RedisEnterprise_Create',
      summary: 'Creates a cluster, or changes one as a whole.',
      action: `${TYPE}/write`,
      body: clusterBody,
      handle: (request, body) => put(parts, request, body),
    }),
    routeWithBody({
      method: 'PATCH',
      path: CLUSTER,
      operationId: 'RedisEnterprise_Update',
      summary: 'Changes what the body names.',
      action: `${TYPE}/write`,
      body: clusterPatch,
      handle: (request, body) =>
        updating(parts, request, (now) => clusterChanged(now.settings, body)),
    }),
    route({
      method: 'GET',
      path: CLUSTER,
      operationId: 'RedisEnterprise_Get',
      summary: 'A cluster.',
      action: `${TYPE}/read`,
      handle: async (request) => {
        const cluster = await existingCluster(parts.store.db, request);
        const headers = transitionalHeaders(cluster.provisioning);
        return { ...ok(clusterView(parts.plans, cluster)), headers };
      },
    }),
    route({
      method: 'DELETE',
      path: CLUSTER,
      operationId: 'RedisEnterprise_Delete',
      summary: 'Deletes a cluster and its database, which leaves its geo-replication group.',
      action: `${TYPE}/delete`,
      isDestructive: true,
      handle: (request) => remove(parts, request),
    }),
    route({
      method: 'POST',
      path: `${CLUSTER}/listSkusForScaling`,
      operationId: 'RedisEnterprise_ListSkusForScaling',
      summary: 'SKUs that a cluster can be scaled to.',
      action: `${TYPE}/listSkusForScaling/action`,
      handle: async (request) => {
        const cluster = await existingCluster(parts.store.db, request);
        const others = await otherMembers(parts.store.db, cluster);
        return ok({ skus: skusForScaling(cluster.settings, others) });
      },
    }),
  ];
}

/** null: its database is in no group. */
async function otherMembers(db: Db, cluster: ClusterRecord) {
  const [database] = await databasesOf(db, cluster.key);
  if (database === undefined || database.geoGroup === null) return null;
  const members = await loadMembers(db, database.geoGroup);
  return { others: members.filter((one) => one.record.key !== database.key) };
}

export async function existingCluster(db: Db, request: ApiRequest): Promise<ClusterRecord> {
  const id = clusterId({ ...pathOf(request), cluster: parameter(request, 'cluster') });
  const found = await findCluster(db, id);
  if (found !== undefined) return found;
  await existingGroupOf(db, request);
  throw notFound(id);
}

async function put(parts: ApiParts, request: ApiRequest, body: ClusterBody): Promise<Answer> {
  const id = clusterId({ ...pathOf(request), cluster: parameter(request, 'cluster') });
  const settings = clusterFrom(body, request.version);
  const begun = await parts.store.change(async (change) => {
    const group = await groupForCreation(change, request);
    if ((await findCluster(change, id)) !== undefined) return null;
    const path = { subscription: group.subscription, resourceGroup: group.resourceGroup };
    const named = clusterId({ ...path, cluster: parameter(request, 'cluster') });
    await insertResource(change, {
      ...{ id: named, type: 'cluster', path, settings, nowMs: Date.now() },
      hosting: await newPlace(parts, change, clusterNeed(parts.plans, settings)),
      ...{ state: 'Creating', provisioning: 'Creating' },
    });
    return await newOperation(
      change,
      {
        ...{ kind: 'create-cluster', targetId: named, targetKey: keyOf(named) },
        subscription: group.subscription,
        location: settings.location,
        holds: [keyOf(named)],
      },
      request,
    );
  });
  if (begun === null) {
    return await updating(parts, request, (now) => replaced(now, body, request.version));
  }
  return await begunAnswer(parts, request, begun, 201);
}

/** A PUT on what is there says everything; its place it cannot change. */
function replaced(now: ClusterRecord, body: ClusterBody, version: ApiVersion): ClusterSettings {
  const wanted = clusterFrom(body, version);
  if (wanted.location !== now.settings.location) {
    throw cannotMove(now.id, now.settings.location, wanted.location);
  }
  return {
    ...wanted,
    publicNetworkAccess: wanted.publicNetworkAccess ?? now.settings.publicNetworkAccess,
  };
}

async function updating(
  parts: ApiParts,
  request: ApiRequest,
  settingsOf: (now: ClusterRecord) => ClusterSettings,
): Promise<Answer> {
  const begun = await parts.store.change(async (change) => {
    const cluster = await existingCluster(change, request);
    const settings = settingsOf(cluster);
    if (JSON.stringify(settings) === JSON.stringify(cluster.settings)) return null;
    const databases = await databasesOf(change, cluster.key);
    const holds = [cluster.key, ...databases.map(({ key }) => key)];
    for (const { id, geoGroup } of databases) {
      const own = await loadKnown(change, id);
      if (own === undefined || geoGroup === null) continue;
      holds.push(groupHold(geoGroup));
      const others = (await loadMembers(change, geoGroup)).filter((one) => one.id !== own.id);
      refuse(checkUpdate(own, { cluster: settings, database: own.database }, others));
    }
    await checkGrowth(parts, change, { cluster, settings, databases: databases.length });
    const operation = await newOperation(
      change,
      {
        ...{ kind: 'update-cluster', targetId: cluster.id, targetKey: cluster.key, holds },
        ...{ subscription: cluster.subscription, location: settings.location, input: { settings } },
      },
      request,
    );
    await updateResource(change, cluster.key, { provisioning: 'Updating', state: 'Updating' });
    return operation;
  });
  if (begun !== null) return await begunAnswer(parts, request, begun, 200);
  return ok(clusterView(parts.plans, await existingCluster(parts.store.db, request)));
}

interface Growth {
  readonly cluster: ClusterRecord;
  readonly settings: ClusterSettings;
  readonly databases: number;
}

async function checkGrowth(parts: ApiParts, change: Change, growth: Growth): Promise<void> {
  if (growth.databases === 0) return;
  const { sizing } = parts.plans;
  const now = databaseMemoryBytes(sizing, growth.cluster);
  const memoryBytes = databaseMemoryBytes(sizing, growth) - now;
  const { location: region } = growth.settings;
  if (memoryBytes > 0) {
    const { host } = growth.cluster.hosting;
    await checkCapacity(change, parts.hosting, { region, host, memoryBytes, isReplicated: false });
  }
}

async function begunAnswer(
  parts: ApiParts,
  request: ApiRequest,
  begun: Begun,
  status: number,
): Promise<Answer> {
  const cluster = await existingCluster(parts.store.db, request);
  parts.runner.wake();
  return {
    status,
    body: clusterView(parts.plans, cluster),
    headers: operationHeaders(request, begun),
  };
}

async function remove(parts: ApiParts, request: ApiRequest): Promise<Answer> {
  const id = clusterId({ ...pathOf(request), cluster: parameter(request, 'cluster') });
  const begun = await parts.store.change(async (change) => {
    const cluster = await findCluster(change, id);
    if (cluster === undefined) return null;
    const databases = await databasesOf(change, cluster.key);
    const groups = databases.flatMap(({ geoGroup }) =>
      geoGroup === null ? [] : [groupHold(geoGroup)],
    );
    const operation = await newOperation(
      change,
      {
        ...{ kind: 'delete-cluster', targetId: cluster.id, targetKey: cluster.key },
        ...{ subscription: cluster.subscription, location: cluster.settings.location },
        holds: [cluster.key, ...databases.map(({ key }) => key), ...groups],
      },
      request,
    );
    const state = { provisioning: 'Deleting', state: 'Deleting' } as const;
    await updateResource(change, cluster.key, state);
    for (const { key, geoGroup } of databases) {
      await updateResource(change, key, {
        ...state,
        ...(geoGroup === null ? {} : { linkState: 'Unlinking' }),
      });
    }
    return operation;
  });
  if (begun === null) return { status: 204 };
  parts.runner.wake();
  return { status: 202, headers: operationHeaders(request, begun) };
}
