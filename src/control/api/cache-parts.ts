// Microsoft.Cache/Redis: firewall rules, the schedule of updates, and restarts. Rules and schedules are kept and
// shown; that engines listen on addresses of this machine only is what keeps others out, and nothing here updates
// engines by itself.

import { badRequest, notFound } from '../model/arm-error.ts';
import {
  checkRange,
  checkReboot,
  firewallBody,
  firewallRule,
  rebootBody,
  schedule,
  scheduleBody,
} from '../model/cache-parts.ts';
import { CACHE_TYPE, keyOf } from '../model/resource-id.ts';
import { checkFree } from '../store/operations.ts';
import {
  deletePart,
  findPart,
  type PartRecord,
  type PartType,
  partsOf,
  putPart,
} from '../store/parts.ts';
import { updateResource } from '../store/resources.ts';
import { CACHE, CACHE_ACTIONS, existingCache } from './caches.ts';
import { type ApiParts, newOperation, notRunning } from './parts.ts';
import {
  type Answer,
  type ApiRequest,
  ok,
  parameter,
  type Route,
  route,
  routeWithBody,
} from './route.ts';

interface Kind {
  readonly type: PartType;
  readonly segment: 'firewallRules' | 'patchSchedules';
  readonly parameter: 'rule' | 'schedule';
  readonly operations: string;
  readonly list: string;
  readonly what: string;
  readonly view: (settings: object) => object;
}

const RULES: Kind = {
  ...{ type: 'firewallRule', segment: 'firewallRules', parameter: 'rule' },
  ...{ operations: 'FirewallRules', list: 'FirewallRules_List', what: 'a range of addresses' },
  view: (settings) => firewallRule.parse(settings),
};
const SCHEDULES: Kind = {
  ...{ type: 'patchSchedule', segment: 'patchSchedules', parameter: 'schedule' },
  ...{ operations: 'PatchSchedules', list: 'PatchSchedules_ListByRedisResource' },
  what: 'when a cache may be updated',
  view: (settings) => schedule.parse(settings),
};

export function cachePartRoutes(parts: ApiParts): Route[] {
  return [
    ...kindRoutes(parts, RULES),
    ...kindRoutes(parts, SCHEDULES),
    routeWithBody({
      ...writing(RULES),
      body: firewallBody,
      handle: (request, { properties }) => {
        checkRange(properties);
        return put(parts, request, RULES, properties);
      },
    }),
    routeWithBody({
      ...writing(SCHEDULES),
      body: scheduleBody,
      handle: (request, { properties }) => {
        const name = parameter(request, 'schedule');
        if (name.toLowerCase() === 'default') return put(parts, request, SCHEDULES, properties);
        throw badRequest(`The schedule of a cache is called 'default', not '${name}'.`, 'name');
      },
    }),
    routeWithBody({
      method: 'POST',
      path: `${CACHE}/forceReboot`,
      operationId: 'Redis_ForceReboot',
      summary: 'Restarts the engine of a cache. What it holds is gone.',
      action: `${CACHE_ACTIONS}/forceReboot/action`,
      isDestructive: true,
      body: rebootBody,
      handle: async (request, body) => {
        checkReboot(body);
        return await reboot(parts, request);
      },
    }),
  ];
}

function kindRoutes({ store }: ApiParts, kind: Kind): Route[] {
  const action = (verb: string): string => `${CACHE_ACTIONS}/${kind.segment}/${verb}`;
  return [
    route({
      method: 'GET',
      path: `${CACHE}/${kind.segment}`,
      operationId: kind.list,
      summary: `All of them: ${kind.what}.`,
      action: action('read'),
      handle: async (request) => {
        const { key } = await existingCache(store.db, request);
        const found = await partsOf(store.db, key, kind.type);
        return ok({ value: found.map((one) => viewOf(kind, one)) });
      },
    }),
    route({
      method: 'GET',
      path: pathOf(kind),
      operationId: `${kind.operations}_Get`,
      summary: `One: ${kind.what}.`,
      action: action('read'),
      handle: async (request) => {
        const id = await idOf(store.db, request, kind);
        const found = await findPart(store.db, id);
        if (found === undefined) throw notFound(id);
        return ok(viewOf(kind, found));
      },
    }),
    route({
      method: 'DELETE',
      path: pathOf(kind),
      operationId: `${kind.operations}_Delete`,
      summary: `Removes ${kind.what}.`,
      action: action('delete'),
      isDestructive: true,
      handle: async (request) => {
        const isThere = await store.change(async (change) => {
          const found = await findPart(change, await idOf(change, request, kind));
          if (found !== undefined) await deletePart(change, found.key);
          return found !== undefined;
        });
        return { status: isThere ? 200 : 204 };
      },
    }),
  ];
}

function writing(kind: Kind) {
  return {
    method: 'PUT' as const,
    path: pathOf(kind),
    operationId: `${kind.operations}_CreateOrUpdate`,
    summary: `Creates or changes ${kind.what}.`,
    action: `${CACHE_ACTIONS}/${kind.segment}/write`,
  };
}

function pathOf({ segment, parameter: name }: Kind): string {
  return `${CACHE}/${segment}/:${name}`;
}

async function idOf(
  db: Parameters<typeof existingCache>[0],
  request: ApiRequest,
  kind: Kind,
): Promise<string> {
  const { id } = await existingCache(db, request);
  return `${id}/${kind.segment}/${parameter(request, kind.parameter)}`;
}

function viewOf(kind: Kind, { id, name, settings }: PartRecord): object {
  const cache = id.split('/').at(-3) ?? '';
  const type = `${CACHE_TYPE}/${kind.segment}`;
  return { id, name: `${cache}/${name}`, type, properties: kind.view(settings) };
}

async function put(
  { store }: ApiParts,
  request: ApiRequest,
  kind: Kind,
  settings: object,
): Promise<Answer> {
  return await store.change(async (change) => {
    const { key } = await existingCache(change, request);
    const wanted = await idOf(change, request, kind);
    const before = await findPart(change, wanted);
    const id = before?.id ?? wanted;
    await checkFree(change, [key]);
    const part = { id, type: kind.type, parentKey: key, settings };
    await putPart(change, { ...part, provisioning: 'Succeeded' });
    const found = await findPart(change, keyOf(id));
    if (found === undefined) throw notFound(id);
    return { status: before === undefined ? 201 : 200, body: viewOf(kind, found) };
  });
}

async function reboot({ store, runner }: ApiParts, request: ApiRequest): Promise<Answer> {
  await store.change(async (change) => {
    const cache = await existingCache(change, request);
    const { id, key, subscription, settings } = cache;
    if (cache.hosting.runs.as === 'nothing') throw notRunning(id);
    const about = { targetId: id, targetKey: key, subscription, location: settings.location };
    await newOperation(change, { kind: 'reboot-cache', ...about, holds: [key] }, request);
    await updateResource(change, key, { provisioning: 'Updating', state: 'Updating' });
  });
  runner.wake();
  return ok({ message: 'The engine of the cache is being restarted. What it held is gone.' });
}
