// Microsoft.Cache/Redis: caches of the classes Basic, Standard and Premium.

import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { ArmError, cannotMove, notFound } from '../model/arm-error.ts';
import { keyTypeBody } from '../model/bodies.ts';
import { cacheBody, cacheChanged, cacheFrom, cachePatch } from '../model/cache-settings.ts';
import { cacheId, keyOf } from '../model/resource-id.ts';
import {
  CACHE_PLAIN_PORT,
  CACHE_TLS_PORT,
  cacheMemoryBytes,
  cachePlan,
} from '../operations/plans.ts';
import { AccessKeys } from '../store/access-keys.ts';
import { checkFree } from '../store/operations.ts';
import {
  type CacheRecord,
  findCache,
  insertResource,
  listRows,
  readCache,
  updateResource,
} from '../store/resources.ts';
import type { Db } from '../store/store.ts';
import { listAnswer } from './listing.ts';
import { type Begun, cacheHeaders, transitionalHeaders } from './long-running.ts';
import {
  type ApiParts,
  checkCapacity,
  existingGroupOf,
  groupForCreation,
  keysAreOff,
  newOperation,
  pathOf,
} from './parts.ts';
import { freePort, newPlace } from './placement.ts';
import {
  type Answer,
  type ApiRequest,
  ok,
  parameter,
  type Route,
  route,
  routeWithBody,
} from './route.ts';
import { cacheView } from './views.ts';

export const CACHE_ACTIONS = 'Microsoft.Cache/redis';
const GROUP = '/subscriptions/:subscription/resourceGroups/:resourceGroup';
const CACHES = `${GROUP}/providers/Microsoft.Cache/redis`;
export const CACHE = `${CACHES}/:cache`;

export function cacheRoutes(parts: ApiParts): Route[] {
  return [...readingRoutes(parts), ...changingRoutes(parts), ...actionRoutes(parts)];
}

function readingRoutes(parts: ApiParts): Route[] {
  const { store, plans } = parts;
  const list = async (request: ApiRequest, resourceGroup?: string): Promise<Answer> =>
    await listAnswer(request, async (afterKey, limit) => {
      const { subscription } = pathOf(request);
      const question = { type: 'cache' as const, subscription, resourceGroup, afterKey, limit };
      const rows = await listRows(store.db, question);
      return rows.map((row) => ({ key: row.key, view: cacheView(plans, readCache(row), null) }));
    });
  return [
    route({
      method: 'GET',
      path: '/subscriptions/:subscription/providers/Microsoft.Cache/redis',
      operationId: 'Redis_ListBySubscription',
      summary: 'All caches of a subscription.',
      action: `${CACHE_ACTIONS}/read`,
      handle: (request) => list(request),
    }),
    route({
      method: 'GET',
      path: CACHES,
      operationId: 'Redis_ListByResourceGroup',
      summary: 'All caches of a resource group.',
      action: `${CACHE_ACTIONS}/read`,
      handle: async (request) => {
        const { resourceGroup } = await existingGroupOf(store.db, request);
        return await list(request, resourceGroup);
      },
    }),
    route({
      method: 'GET',
      path: CACHE,
      operationId: 'Redis_Get',
      summary: 'A cache, without its keys.',
      action: `${CACHE_ACTIONS}/read`,
      handle: async (request) => {
        const cache = await existingCache(store.db, request);
        const headers = transitionalHeaders(cache.provisioning);
        return { ...ok(cacheView(plans, cache, null)), headers };
      },
    }),
  ];
}

function changingRoutes(parts: ApiParts): Route[] {
  return [
    routeWithBody({
      method: 'PUT',
      path: CACHE,
      operationId: 'Redis_Create',
      summary: 'Creates a cache, or changes one as a whole.',
      action: `${CACHE_ACTIONS}/write`,
      body: cacheBody,
      handle: (request, body) => put(parts, request, body),
    }),
    routeWithBody({
      method: 'PATCH',
      path: CACHE,
      operationId: 'Redis_Update',
      summary: 'Changes what the body names.',
      action: `${CACHE_ACTIONS}/write`,
      body: cachePatch,
      handle: (request, body) =>
        updating(parts, request, (now) => cacheChanged(now.settings, body)),
    }),
    route({
      method: 'DELETE',
      path: CACHE,
      operationId: 'Redis_Delete',
      summary: 'Deletes a cache.',
      action: `${CACHE_ACTIONS}/delete`,
      isDestructive: true,
      handle: async (request) => {
        const cache = await findCache(parts.store.db, idOf(request));
        if (cache === undefined) return { status: 204 };
        const begun = await begin(parts, request, 'delete-cache');
        return { status: 202, headers: cacheHeaders(request, begun, 'result') };
      },
    }),
  ];
}

function actionRoutes(parts: ApiParts): Route[] {
  const { store, plans } = parts;
  return [
    route({
      method: 'POST',
      path: `${CACHE}/listKeys`,
      operationId: 'Redis_ListKeys',
      summary: 'The access keys of a cache.',
      action: `${CACHE_ACTIONS}/listKeys/action`,
      handle: async (request) => {
        const cache = await existingCache(store.db, request);
        return ok(usableKeysOf(parts, cache).wire);
      },
    }),
    routeWithBody({
      method: 'POST',
      path: `${CACHE}/regenerateKey`,
      operationId: 'Redis_RegenerateKey',
      summary: 'Replaces one of the access keys.',
      action: `${CACHE_ACTIONS}/regenerateKey/action`,
      isDestructive: true,
      body: keyTypeBody,
      handle: async (request, { keyType }) => {
        const { keys, cache } = await store.change(async (change) => {
          const found = await existingCache(change, request);
          await checkFree(change, [found.key]);
          const renewed = usableKeysOf(parts, found).renewed(keyType);
          const secrets = renewed.sealed(plans.sealer, found.key);
          await updateResource(change, found.key, { secrets });
          return { keys: renewed, cache: { ...found, secrets } };
        });
        if (cache.hosting.runs.as === 'engine') {
          await parts.hosting.reconfigure(null, cachePlan(plans, cache));
        }
        return ok(keys.wire);
      },
    }),
    route({
      method: 'POST',
      path: `${CACHE}/flush`,
      operationId: 'Redis_FlushCache',
      summary: 'Removes all keys of a cache.',
      action: `${CACHE_ACTIONS}/flush/action`,
      isDestructive: true,
      handle: async (request) => {
        const begun = await begin(parts, request, 'flush-cache');
        return { status: 202, headers: cacheHeaders(request, begun) };
      },
    }),
    nameRoute(parts),
  ];
}

function nameRoute({ store }: ApiParts): Route {
  return routeWithBody({
    method: 'POST',
    path: '/subscriptions/:subscription/providers/Microsoft.Cache/CheckNameAvailability',
    operationId: 'Redis_CheckNameAvailability',
    summary: 'Whether a name is free: 200 or 409.',
    action: 'Microsoft.Cache/checknameavailability/action',
    body: z.object({ name: z.string().min(1).max(63), type: z.string().min(1).max(100) }),
    handle: async (_, { name }) => {
      const rows = await store.db
        .selectFrom('resources')
        .select('id')
        .where('type', '=', 'cache')
        .execute();
      const isTaken = rows.some(({ id }) => id.toLowerCase().endsWith(`/${name.toLowerCase()}`));
      if (!isTaken) return { status: 200 };
      throw new ArmError(409, 'NameNotAvailable', `The name '${name}' is taken.`, {
        target: 'name',
      });
    },
  });
}

async function put(
  parts: ApiParts,
  request: ApiRequest,
  body: z.infer<typeof cacheBody>,
): Promise<Answer> {
  const { store, hosting, plans, runner } = parts;
  const settings = cacheFrom(body);
  const begun = await store.change(async (change) => {
    const group = await groupForCreation(change, request);
    if ((await findCache(change, idOf(request))) !== undefined) return null;
    const { subscription, resourceGroup } = group;
    const id = cacheId({ subscription, resourceGroup, cache: parameter(request, 'cache') });
    const memoryBytes = cacheMemoryBytes(plans.sizing, { settings });
    const need = { region: settings.location, memoryBytes, isReplicated: false };
    const place = await newPlace(parts, change, need);
    await checkCapacity(change, hosting, { ...need, host: place.host });
    const usual = settings.enableNonSslPort ? CACHE_PLAIN_PORT : CACHE_TLS_PORT;
    const port = await freePort(change, place.host, { usual, asked: null });
    await insertResource(change, {
      ...{ id, type: 'cache', path: { subscription, resourceGroup }, settings },
      secrets: AccessKeys.make().sealed(plans.sealer, keyOf(id)),
      hosting: {
        ...{ runtime: randomUUID(), ...place, memoryBytes, runs: { as: 'nothing' } },
        ...(port === usual ? {} : { port }),
      },
      ...{ state: 'Creating', provisioning: 'Creating', nowMs: Date.now() },
    });
    const location = settings.location;
    const about = { targetId: id, targetKey: keyOf(id), subscription, location };
    return await newOperation(
      change,
      { kind: 'create-cache', ...about, holds: [keyOf(id)] },
      request,
    );
  });
  if (begun === null) return await updating(parts, request, () => settings);
  const cache = await existingCache(store.db, request);
  runner.wake();
  // The one answer in which keys are shown without being asked for, as clients expect it.
  const view = cacheView(plans, cache, keysOf(parts, cache).wire);
  return { status: 201, body: view, headers: cacheHeaders(request, begun, 'resource') };
}

async function updating(
  parts: ApiParts,
  request: ApiRequest,
  settingsOf: (now: CacheRecord) => CacheRecord['settings'],
): Promise<Answer> {
  const now = await existingCache(parts.store.db, request);
  const settings = settingsOf(now);
  if (settings.location !== now.settings.location) {
    throw cannotMove(now.id, now.settings.location, settings.location);
  }
  if (JSON.stringify(settings) === JSON.stringify(now.settings)) {
    return ok(cacheView(parts.plans, now, null));
  }
  const begun = await begin(parts, request, 'update-cache', { settings });
  const cache = await existingCache(parts.store.db, request);
  const headers = cacheHeaders(request, begun, 'resource');
  return { status: 200, body: cacheView(parts.plans, { ...cache, settings }, null), headers };
}

const STATES = {
  'delete-cache': 'Deleting',
  'flush-cache': 'Updating',
  'update-cache': 'Updating',
} as const;

async function begin(
  { store, runner }: ApiParts,
  request: ApiRequest,
  kind: keyof typeof STATES,
  input: object = {},
): Promise<Begun> {
  const begun = await store.change(async (change) => {
    const { id, key, subscription, settings } = await existingCache(change, request);
    const about = { targetId: id, targetKey: key, subscription, location: settings.location };
    const operation = await newOperation(change, { kind, ...about, input, holds: [key] }, request);
    await updateResource(change, key, { provisioning: STATES[kind], state: STATES[kind] });
    return operation;
  });
  runner.wake();
  return begun;
}

function idOf(request: ApiRequest): string {
  return cacheId({ ...pathOf(request), cache: parameter(request, 'cache') });
}

export async function existingCache(db: Db, request: ApiRequest): Promise<CacheRecord> {
  const found = await findCache(db, idOf(request));
  if (found !== undefined) return found;
  await existingGroupOf(db, request);
  throw notFound(idOf(request));
}

function usableKeysOf(parts: ApiParts, cache: CacheRecord): AccessKeys {
  if (cache.settings.disableAccessKeyAuthentication) throw keysAreOff(cache.id);
  return keysOf(parts, cache);
}

function keysOf({ plans }: ApiParts, { key, secrets }: CacheRecord): AccessKeys {
  return AccessKeys.unsealed(plans.sealer, key, secrets ?? '');
}
