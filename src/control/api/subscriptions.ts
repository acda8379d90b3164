// What is around resources: subscriptions, tenants, locations, resource groups, and what the provider has.

import { scopesWithRights } from '../identity/principals.ts';
import { ArmError } from '../model/arm-error.ts';
import { resourceGroupBody } from '../model/bodies.ts';
import { ALL_LOCATIONS, displayName, locationNamed } from '../model/locations.ts';
import { groupId, keyOf } from '../model/resource-id.ts';
import type { Db } from '../store/store.ts';
import { groupHold } from './geo-state.ts';
import { listAnswer } from './listing.ts';
import { operationHeaders } from './long-running.ts';
import { type ApiParts, existingGroupOf, newOperation, pathOf } from './parts.ts';
import { type Answer, type ApiRequest, ok, type Route, route, routeWithBody } from './route.ts';

const SUBSCRIPTION = '/subscriptions/:subscription';
const GROUP = `${SUBSCRIPTION}/resourceGroups/:resourceGroup`;
const GROUPS = 'Microsoft.Resources/subscriptions/resourceGroups';

export function subscriptionRoutes(parts: ApiParts): Route[] {
  return [...tenantRoutes(parts), ...groupReadRoutes(parts), ...groupWriteRoutes(parts)];
}

function tenantRoutes({ store, tokens }: ApiParts): Route[] {
  return [
    route({
      method: 'GET',
      path: '/subscriptions',
      operationId: 'Subscriptions_List',
      summary: 'Subscriptions in which the caller may do anything.',
      action: null,
      handle: async ({ caller }) => {
        const scopes = await scopesWithRights(store.db, caller);
        const rows = await store.db.selectFrom('subscriptions').selectAll().orderBy('id').execute();
        const isVisible = (id: string): boolean =>
          scopes.some((scope) => scope === '/' || `${scope}/`.startsWith(`/subscriptions/${id}/`));
        return ok({ value: rows.filter(({ id }) => isVisible(id)).map(subscriptionView) });
      },
    }),
    route({
      method: 'GET',
      path: '/tenants',
      operationId: 'Tenants_List',
      summary: 'The tenant of this control plane.',
      action: null,
      handle: () => {
        const { tenant } = tokens;
        const view = { id: `/tenants/${tenant}`, tenantId: tenant, displayName: 'Atoll' };
        return Promise.resolve(ok({ value: [view] }));
      },
    }),
    route({
      method: 'GET',
      path: SUBSCRIPTION,
      operationId: 'Subscriptions_Get',
      summary: 'A subscription.',
      action: 'Microsoft.Resources/subscriptions/read',
      handle: async (request) => {
        const { subscription } = pathOf(request);
        const row = await store.db
          .selectFrom('subscriptions')
          .selectAll()
          .where('id', '=', subscription.toLowerCase())
          .executeTakeFirstOrThrow();
        return ok(subscriptionView(row));
      },
    }),
    route({
      method: 'GET',
      path: `${SUBSCRIPTION}/locations`,
      operationId: 'Subscriptions_ListLocations',
      summary: 'Regions.',
      action: 'Microsoft.Resources/subscriptions/read',
      handle: (request) => {
        const { subscription } = pathOf(request);
        const value = ALL_LOCATIONS.map((name) => ({
          id: `/subscriptions/${subscription}/locations/${name}`,
          ...{ name, type: 'Region', displayName: displayName(name) },
          ...{ regionalDisplayName: displayName(name), metadata: { regionType: 'Physical' } },
        }));
        return Promise.resolve(ok({ value }));
      },
    }),
  ];
}

function groupReadRoutes({ store }: ApiParts): Route[] {
  return [
    route({
      method: 'GET',
      path: `${SUBSCRIPTION}/resourceGroups`,
      operationId: 'ResourceGroups_List',
      summary: 'Resource groups.',
      action: `${GROUPS}/read`,
      handle: (request) =>
        listAnswer(request, async (afterKey, limit) => {
          const { subscription } = pathOf(request);
          const rows = await store.db
            .selectFrom('resource_groups')
            .selectAll()
            .where('subscription', '=', subscription.toLowerCase())
            .where('key', '>', afterKey ?? '')
            .orderBy('key')
            .limit(limit)
            .execute();
          return rows.map((row) => ({ key: row.key, view: groupView(subscription, row) }));
        }),
    }),
    route({
      method: 'GET',
      path: GROUP,
      operationId: 'ResourceGroups_Get',
      summary: 'A resource group.',
      action: `${GROUPS}/read`,
      handle: async (request) => ok(await viewOf(store.db, request)),
    }),
    route({
      method: 'HEAD',
      path: GROUP,
      operationId: 'ResourceGroups_CheckExistence',
      summary: 'Whether a resource group is there: 204 or 404.',
      action: `${GROUPS}/read`,
      handle: async (request) => {
        await existingGroupOf(store.db, request);
        return { status: 204 };
      },
    }),
    route({
      method: 'GET',
      path: `${SUBSCRIPTION}/resources`,
      operationId: 'Resources_List',
      summary: "Resources; $filter may be resourceGroup eq 'NAME'.",
      action: 'Microsoft.Resources/subscriptions/read',
      handle: (request) => listResources(store.db, request),
    }),
  ];
}

function groupWriteRoutes(parts: ApiParts): Route[] {
  return [
    routeWithBody({
      method: 'PUT',
      path: GROUP,
      operationId: 'ResourceGroups_CreateOrUpdate',
      summary: 'Creates a resource group, or changes its tags.',
      action: `${GROUPS}/write`,
      body: resourceGroupBody,
      handle: async (request, body) => {
        const path = pathOf(request);
        const key = keyOf(groupId(path));
        const location = locationNamed(body.location);
        const tags = JSON.stringify(body.tags ?? {});
        const isNew = await parts.store.change(async (change) => {
          const there = await change
            .selectFrom('resource_groups')
            .select('location')
            .where('key', '=', key)
            .executeTakeFirst();
          if (there !== undefined) {
            if (there.location !== location) throw elsewhere(path.resourceGroup, there.location);
            await change
              .updateTable('resource_groups')
              .set({ tags })
              .where('key', '=', key)
              .execute();
            return false;
          }
          const subscription = path.subscription.toLowerCase();
          const row = { key, subscription, name: path.resourceGroup, location, tags };
          await change
            .insertInto('resource_groups')
            .values({ ...row, created_ms: Date.now() })
            .execute();
          return true;
        });
        return { status: isNew ? 201 : 200, body: await viewOf(parts.store.db, request) };
      },
    }),
    route({
      method: 'DELETE',
      path: GROUP,
      operationId: 'ResourceGroups_Delete',
      summary: 'Deletes a resource group with everything in it.',
      action: `${GROUPS}/delete`,
      isDestructive: true,
      handle: (request) => remove(parts, request),
    }),
  ];
}

async function remove(parts: ApiParts, request: ApiRequest): Promise<Answer> {
  const begun = await parts.store.change(async (change) => {
    const group = await existingGroupOf(change, request);
    const rows = await change
      .selectFrom('resources')
      .select(['key', 'geo_group'])
      .where('group_key', '=', group.key)
      .execute();
    const groups = rows.flatMap(({ geo_group }) =>
      geo_group === null ? [] : [groupHold(geo_group)],
    );
    const { location } = await change
      .selectFrom('resource_groups')
      .select('location')
      .where('key', '=', group.key)
      .executeTakeFirstOrThrow();
    const operation = await newOperation(
      change,
      {
        ...{ kind: 'delete-group', targetId: groupId(group), targetKey: group.key, location },
        subscription: group.subscription,
        holds: [group.key, ...rows.map(({ key }) => key), ...groups],
      },
      request,
    );
    await change
      .updateTable('resources')
      .set({ provisioning_state: 'Deleting', resource_state: 'Deleting' })
      .where('group_key', '=', group.key)
      .execute();
    return operation;
  });
  parts.runner.wake();
  return { status: 202, headers: operationHeaders(request, begun, 'result') };
}

interface GroupRow {
  readonly name: string;
  readonly location: string;
  readonly tags: object;
}

async function viewOf(db: Db, request: ApiRequest): Promise<object> {
  const { key, subscription } = await existingGroupOf(db, request);
  const row = await db
    .selectFrom('resource_groups')
    .selectAll()
    .where('key', '=', key)
    .executeTakeFirstOrThrow();
  return groupView(subscription, row);
}

function groupView(subscription: string, { name, location, tags }: GroupRow): object {
  return {
    id: groupId({ subscription, resourceGroup: name }),
    ...{ name, type: 'Microsoft.Resources/resourceGroups', location, tags },
    properties: { provisioningState: 'Succeeded' },
  };
}

function subscriptionView(row: { id: string; tenant_id: string; display_name: string }): object {
  return {
    id: `/subscriptions/${row.id}`,
    subscriptionId: row.id,
    tenantId: row.tenant_id,
    displayName: row.display_name,
    state: 'Enabled',
    subscriptionPolicies: { locationPlacementId: 'Internal', quotaId: 'Internal' },
    authorizationSource: 'RoleBased',
    managedByTenants: [],
  };
}

const TYPES = {
  cluster: 'Microsoft.Cache/redisEnterprise',
  database: 'Microsoft.Cache/redisEnterprise/databases',
  cache: 'Microsoft.Cache/Redis',
} as const;

async function listResources(db: Db, request: ApiRequest): Promise<Answer> {
  const { subscription } = pathOf(request);
  const filter = String(request.query.$filter ?? '');
  const [, resourceGroup] = /resourceGroup\s+eq\s+'([^']+)'/i.exec(filter) ?? [];
  return await listAnswer(request, async (afterKey, limit) => {
    let query = db
      .selectFrom('resources')
      .select(['key', 'id', 'type', 'settings'])
      .where('subscription', '=', subscription.toLowerCase())
      .where('key', '>', afterKey ?? '');
    if (resourceGroup !== undefined) {
      query = query.where('group_key', '=', keyOf(groupId({ subscription, resourceGroup })));
    }
    const rows = await query.orderBy('key').limit(limit).execute();
    return rows.map(({ key, id, type, settings }) => ({
      key,
      view: {
        ...{ id, name: id.slice(id.lastIndexOf('/') + 1), type: TYPES[type] },
        ...('location' in settings ? { location: settings.location } : {}),
        ...('tags' in settings ? { tags: settings.tags } : {}),
      },
    }));
  });
}

function elsewhere(name: string, location: string): ArmError {
  return new ArmError(
    409,
    'InvalidResourceGroupLocation',
    `The resource group '${name}' is in location '${location}' and cannot move.`,
    { target: 'location' },
  );
}
