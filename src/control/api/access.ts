// Access policies and their assignments: which principals may use the data of a database or a cache with tokens in
// place of access keys. Databases have one policy, caches three and those that are made for them.

import { isDeepStrictEqual } from 'node:util';
import {
  assignment,
  BUILT_IN_POLICIES,
  cacheAssignmentBody,
  DATABASE_POLICY,
  databaseAssignmentBody,
  policy,
  policyBody,
  rulesOf,
} from '../model/access.ts';
import { badRequest, notFound } from '../model/arm-error.ts';
import { CACHE_TYPE, DATABASE_TYPE, keyOf } from '../model/resource-id.ts';
import type { AccessInput } from '../operations/access-operations.ts';
import { findPart, markPart, type PartRecord, partsOf, putPart } from '../store/parts.ts';
import type { Change, Db } from '../store/store.ts';
import { CACHE, CACHE_ACTIONS } from './caches.ts';
import { DATABASE, DATABASE_ACTIONS } from './databases.ts';
import { type Begun, cacheHeaders, operationHeaders, transitionalHeaders } from './long-running.ts';
import { type ApiParts, newOperation } from './parts.ts';
import {
  type Answer,
  type ApiRequest,
  ok,
  parameter,
  type Route,
  route,
  routeWithBody,
} from './route.ts';
import { type Target, targetOf } from './target.ts';

/** A kind of parts: what is said of one, and where it stands. */
interface Kind {
  readonly type: AccessInput['part']['type'];
  /** Of its path, and of its id. */
  readonly segment: 'accessPolicies' | 'accessPolicyAssignments';
  readonly parameter: 'policy' | 'assignment';
  readonly owner: typeof DATABASE | typeof CACHE;
  readonly ownerType: string;
  readonly actions: string;
  readonly operations: string;
  readonly what: string;
  readonly view: (part: PartRecord) => object;
}

const DATABASE_ASSIGNMENTS: Kind = {
  type: 'accessPolicyAssignment',
  ...{ segment: 'accessPolicyAssignments', parameter: 'assignment', owner: DATABASE },
  ...{ ownerType: DATABASE_TYPE, actions: DATABASE_ACTIONS, operations: 'AccessPolicyAssignment' },
  what: 'a principal that may use a database with its tokens',
  view: ({ settings }) => {
    const { objectId } = assignment.parse(settings);
    return { accessPolicyName: DATABASE_POLICY, user: { objectId } };
  },
};
const CACHE_ASSIGNMENTS: Kind = {
  type: 'accessPolicyAssignment',
  ...{ segment: 'accessPolicyAssignments', parameter: 'assignment', owner: CACHE },
  ...{ ownerType: CACHE_TYPE, actions: CACHE_ACTIONS, operations: 'Redis_AccessPolicyAssignment' },
  what: 'a principal that may use a cache with its tokens',
  view: ({ settings }) => {
    const { objectId, alias, policy: accessPolicyName } = assignment.parse(settings);
    return { objectId, objectIdAlias: alias, accessPolicyName };
  },
};
const POLICIES: Kind = {
  type: 'accessPolicy',
  ...{ segment: 'accessPolicies', parameter: 'policy', owner: CACHE },
  ...{ ownerType: CACHE_TYPE, actions: CACHE_ACTIONS, operations: 'Redis_AccessPolicy' },
  what: 'what those may do that it is assigned to',
  view: ({ name, settings }) => ({
    type: builtIn(name) === undefined ? 'Custom' : 'BuiltIn',
    permissions: policy.parse(settings).permissions,
  }),
};

export function accessRoutes(parts: ApiParts): Route[] {
  return [
    ...partRoutes(parts, DATABASE_ASSIGNMENTS),
    ...partRoutes(parts, CACHE_ASSIGNMENTS),
    ...partRoutes(parts, POLICIES),
    ...writingRoutes(parts),
  ];
}

/** What all kinds have: reading and removing. */
function partRoutes(parts: ApiParts, kind: Kind): Route[] {
  const { owner, segment, operations, actions } = kind;
  const { db } = parts.store;
  return [
    route({
      method: 'GET',
      path: `${owner}/${segment}`,
      operationId: `${operations}_List`,
      summary: `All of them: ${kind.what}.`,
      action: `${actions}/${segment}/read`,
      handle: async (request) => {
        const { id, key } = await targetOf(db, request);
        const found = await partsOf(db, key, kind.type);
        const all = [...(kind === POLICIES ? builtInParts(id, key) : []), ...found];
        return ok({ value: all.map((one) => viewOf(kind, one)) });
      },
    }),
    route({
      method: 'GET',
      path: pathOf(kind),
      operationId: `${operations}_Get`,
      summary: `One: ${kind.what}.`,
      action: `${actions}/${segment}/read`,
      handle: async (request) => {
        const { id, found } = await located(db, request, kind);
        if (found === undefined) throw notFound(id);
        return { ...ok(viewOf(kind, found)), headers: transitionalHeaders(found.provisioning) };
      },
    }),
    route({
      method: 'DELETE',
      path: pathOf(kind),
      operationId: `${operations}_Delete`,
      summary: `Removes ${kind.what}.`,
      action: `${actions}/${segment}/delete`,
      isDestructive: true,
      handle: (request) => remove(parts, request, kind),
    }),
  ];
}

function writingRoutes(parts: ApiParts): Route[] {
  const common = (kind: Kind) => ({
    method: 'PUT' as const,
    path: pathOf(kind),
    operationId: `${kind.operations}_CreateUpdate`,
    summary: `Creates or changes ${kind.what}.`,
    action: `${kind.actions}/${kind.segment}/write`,
  });
  return [
    routeWithBody({
      ...common(DATABASE_ASSIGNMENTS),
      body: databaseAssignmentBody,
      handle: (request, { properties: { user } }) => {
        const settings = { objectId: user.objectId, alias: null, policy: DATABASE_POLICY };
        return put(parts, request, DATABASE_ASSIGNMENTS, settings);
      },
    }),
    routeWithBody({
      ...common(CACHE_ASSIGNMENTS),
      body: cacheAssignmentBody,
      handle: async (request, { properties }) => {
        const { objectId, objectIdAlias: alias, accessPolicyName } = properties;
        const settings = { objectId, alias, policy: accessPolicyName };
        return await put(parts, request, CACHE_ASSIGNMENTS, settings);
      },
    }),
    routeWithBody({
      ...common(POLICIES),
      body: policyBody,
      handle: (request, { properties: { permissions } }) => {
        const name = parameter(request, 'policy');
        if (builtIn(name) !== undefined || name.toLowerCase() === DATABASE_POLICY) {
          throw badRequest(`The policy '${name}' is built in and cannot be changed.`, 'name');
        }
        rulesOf(permissions);
        return put(parts, request, POLICIES, { permissions });
      },
    }),
  ];
}

function pathOf({ owner, segment, parameter: name }: Kind): string {
  return `${owner}/${segment}/:${name}`;
}

function viewOf(kind: Kind, part: PartRecord): object {
  return {
    id: part.id,
    name: part.name,
    type: `${kind.ownerType}/${kind.segment}`,
    properties: { ...kind.view(part), provisioningState: part.provisioning },
  };
}

function builtIn(name: string): string | undefined {
  return Object.keys(BUILT_IN_POLICIES).find((one) => one.toLowerCase() === name.toLowerCase());
}

function builtInParts(ownerId: string, parentKey: string): PartRecord[] {
  return Object.entries(BUILT_IN_POLICIES).map(([name, permissions]) => {
    const id = `${ownerId}/accessPolicies/${name}`;
    const settings = { permissions };
    return { id, key: keyOf(id), name, parentKey, settings, provisioning: 'Succeeded' };
  });
}

async function located(db: Db, request: ApiRequest, kind: Kind) {
  const owner = await targetOf(db, request);
  const id = `${owner.id}/${kind.segment}/${parameter(request, kind.parameter)}`;
  const given = kind === POLICIES ? builtInParts(owner.id, owner.key) : [];
  const found = given.find(({ key }) => key === keyOf(id)) ?? (await findPart(db, id));
  return { owner, id: found?.id ?? id, found };
}

async function put(
  { store, runner }: ApiParts,
  request: ApiRequest,
  kind: Kind,
  settings: object,
): Promise<Answer> {
  const { begun, isNew } = await store.change(async (change) => {
    const { owner, id, found } = await located(change, request, kind);
    const isSame =
      found?.provisioning === 'Succeeded' && isDeepStrictEqual(found.settings, settings);
    if (isSame) return { begun: null, isNew: false };
    if (kind.type === 'accessPolicyAssignment') await checkAssignment(change, owner, id, settings);
    const part = { id, type: kind.type, parentKey: owner.key };
    const before = found?.provisioning === 'Succeeded' ? { ...found.settings } : null;
    const wish = { part, key: keyOf(id), before, isRemoval: false };
    const operation = await begin(change, request, owner, { kind, wish });
    const provisioning = found === undefined ? 'Creating' : 'Updating';
    await putPart(change, { ...part, settings, provisioning });
    return { begun: operation, isNew: found === undefined };
  });
  runner.wake();
  const { found, id } = await located(store.db, request, kind);
  if (found === undefined) throw notFound(id);
  return {
    status: isNew ? 201 : 200,
    body: viewOf(kind, found),
    ...(begun === null ? {} : { headers: headersOf(request, kind, begun, 'resource') }),
  };
}

async function remove({ store, runner }: ApiParts, request: ApiRequest, kind: Kind) {
  const begun = await store.change(async (change) => {
    const { owner, id, found } = await located(change, request, kind);
    if (found === undefined) return null;
    if (kind === POLICIES) await checkUnused(change, owner, found.name);
    const part = { id, type: kind.type, parentKey: owner.key };
    const wish = { part, key: found.key, before: { ...found.settings }, isRemoval: true };
    const operation = await begin(change, request, owner, { kind, wish });
    await markPart(change, found.key, 'Deleting');
    return operation;
  });
  if (begun === null) return { status: 204 };
  runner.wake();
  return { status: 202, headers: headersOf(request, kind, begun, 'result') };
}

async function begin(
  change: Change,
  request: ApiRequest,
  { id, key, subscription, location }: Target,
  { kind, wish }: { readonly kind: Kind; readonly wish: AccessInput },
): Promise<Begun> {
  // Clients of databases ask for results at the database, those of caches at what they have changed.
  const targetId = kind.owner === DATABASE ? id : wish.part.id;
  return await newOperation(
    change,
    {
      ...{ kind: 'change-access', targetId, targetKey: key, subscription, location },
      ...{ input: wish, holds: [key] },
    },
    request,
  );
}

function headersOf(request: ApiRequest, kind: Kind, begun: Begun, poll: 'resource' | 'result') {
  if (kind.owner === DATABASE) return operationHeaders(request, begun);
  return cacheHeaders(request, begun, poll);
}

/** The policy is there, and the principal has no other. */
async function checkAssignment(
  change: Change,
  owner: Target,
  id: string,
  settings: object,
): Promise<void> {
  const wanted = assignment.parse(settings);
  const policies = await partsOf(change, owner.key, 'accessPolicy');
  const isThere =
    owner.isDatabase ||
    builtIn(wanted.policy) !== undefined ||
    policies.some(({ name }) => name.toLowerCase() === wanted.policy.toLowerCase());
  if (!isThere) {
    throw badRequest(
      `There is no access policy '${wanted.policy}'.`,
      'properties.accessPolicyName',
    );
  }
  for (const other of await partsOf(change, owner.key, 'accessPolicyAssignment')) {
    const { objectId } = assignment.parse(other.settings);
    if (other.key === keyOf(id) || objectId !== wanted.objectId) continue;
    const message = `'${wanted.objectId}' has an assignment already: '${other.id}'.`;
    throw badRequest(message, 'properties.objectId');
  }
}

async function checkUnused(change: Change, owner: Target, name: string): Promise<void> {
  if (builtIn(name) !== undefined) {
    throw badRequest(`The policy '${name}' is built in and cannot be removed.`, 'name');
  }
  for (const one of await partsOf(change, owner.key, 'accessPolicyAssignment')) {
    if (assignment.parse(one.settings).policy.toLowerCase() !== name.toLowerCase()) continue;
    throw badRequest(`The policy '${name}' is assigned: '${one.id}'.`, 'name');
  }
}
