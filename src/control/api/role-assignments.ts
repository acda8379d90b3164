// Microsoft.Authorization: role assignments, role definitions, and what the caller may do, at every scope.

import { z } from 'zod';
import {
  type AssignmentRow,
  deleteAssignment,
  findAssignment,
  listAssignments,
  putAssignment,
  rolesOf,
} from '../identity/role-assignments.ts';
import { ArmError, badRequest, notFound } from '../model/arm-error.ts';
import { ROLES, type Role, roleNamed } from '../model/roles.ts';
import type { ApiParts } from './parts.ts';
import { type ApiRequest, ok, parameter, type Route, route, routeWithBody } from './route.ts';
import { checkScopeExists, SCOPES, type ScopeKind } from './scopes.ts';

const PROVIDER = 'Microsoft.Authorization';
const ASSIGNMENTS = `${PROVIDER}/roleAssignments`;
const DEFINITIONS = `${PROVIDER}/roleDefinitions`;
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

const assignmentBody = z.object({
  properties: z.object({
    roleDefinitionId: z.string().min(1).max(500),
    principalId: z.string().min(1).max(60),
    principalType: z.string().max(40).nullish(),
    description: z.string().max(1_000).nullish(),
    condition: z.string().max(1_000).nullish(),
  }),
});

export function roleRoutes(parts: ApiParts): Route[] {
  return SCOPES.flatMap((scope) => [
    ...assignmentReads(parts, scope),
    ...assignmentWrites(parts, scope),
    ...definitionRoutes(parts, scope),
  ]);
}

function assignmentReads({ store }: ApiParts, { name, path }: ScopeKind): Route[] {
  return [
    route({
      method: 'GET',
      path: `${path}/providers/${ASSIGNMENTS}`,
      operationId: `RoleAssignments_List${name}`,
      summary:
        "Role assignments at the scope, above and within it. $filter: atScope(), assignedTo('...') or principalId eq '...'.",
      action: `${ASSIGNMENTS}/read`,
      handle: async (request) => {
        const { scope } = request;
        const question = { scope, ...readFilter(String(request.query.$filter ?? '')) };
        const rows = await listAssignments(store.db, question);
        return ok({ value: rows.map((row) => assignmentView(request, row)) });
      },
    }),
    route({
      method: 'GET',
      path: `${path}/providers/${ASSIGNMENTS}/:assignment`,
      operationId: `RoleAssignments_Get${name}`,
      summary: 'A role assignment at this scope.',
      action: `${ASSIGNMENTS}/read`,
      handle: async (request) => {
        const { scope } = request;
        const found = await findAssignment(store.db, scope, parameter(request, 'assignment'));
        if (found === undefined) throw noAssignment(request);
        return ok(assignmentView(request, found));
      },
    }),
  ];
}

function assignmentWrites({ store }: ApiParts, { name, path }: ScopeKind): Route[] {
  return [
    routeWithBody({
      method: 'PUT',
      path: `${path}/providers/${ASSIGNMENTS}/:assignment`,
      operationId: `RoleAssignments_Create${name}`,
      summary: 'Gives a principal a role at this scope. The name is a new UUID.',
      action: `${ASSIGNMENTS}/write`,
      body: assignmentBody,
      handle: async (request, { properties }) => {
        const { scope } = request;
        const assignment = parameter(request, 'assignment');
        const wanted = { name: guid(assignment), scope, ...readProperties(properties) };
        return await store.change(async (change) => {
          await checkScopeExists(change, scope);
          const { isNew } = await putAssignment(change, wanted, request.caller);
          const row = await findAssignment(change, scope, assignment);
          if (row === undefined) throw noAssignment(request);
          return { status: isNew ? 201 : 200, body: assignmentView(request, row) };
        });
      },
    }),
    route({
      method: 'DELETE',
      path: `${path}/providers/${ASSIGNMENTS}/:assignment`,
      operationId: `RoleAssignments_Delete${name}`,
      summary: 'Takes a role away again; answers with what it was.',
      action: `${ASSIGNMENTS}/delete`,
      statuses: [200, 204],
      isDestructive: true,
      handle: async (request) => {
        const { scope } = request;
        return await store.change(async (change) => {
          const found = await findAssignment(change, scope, parameter(request, 'assignment'));
          if (found === undefined) return { status: 204 };
          await deleteAssignment(change, found);
          return ok(assignmentView(request, found));
        });
      },
    }),
  ];
}

function definitionRoutes({ store }: ApiParts, { name, path }: ScopeKind): Route[] {
  return [
    route({
      method: 'GET',
      path: `${path}/providers/${DEFINITIONS}`,
      operationId: `RoleDefinitions_List${name}`,
      summary: "Roles. $filter: roleName eq '...'.",
      action: `${DEFINITIONS}/read`,
      handle: (request) => {
        const filter = String(request.query.$filter ?? '');
        const [, wanted] = /roleName\s+eq\s+'([^']*)'/i.exec(filter) ?? [];
        const isCustom = /type\s+eq\s+'CustomRole'/i.test(filter);
        const roles = ROLES.filter((role) => {
          return (
            !isCustom &&
            (wanted?.toLowerCase() ?? role.name.toLowerCase()) === role.name.toLowerCase()
          );
        });
        const { scope } = request;
        return Promise.resolve(ok({ value: roles.map((role) => definitionView(scope, role)) }));
      },
    }),
    route({
      method: 'GET',
      path: `${path}/providers/${DEFINITIONS}/:definition`,
      operationId: `RoleDefinitions_Get${name}`,
      summary: 'A role.',
      action: `${DEFINITIONS}/read`,
      handle: (request) => {
        const wanted = parameter(request, 'definition').toLowerCase();
        const role = ROLES.find(({ id }) => id === wanted);
        if (role === undefined) throw noRole(parameter(request, 'definition'), 404);
        return Promise.resolve(ok(definitionView(request.scope, role)));
      },
    }),
    route({
      method: 'GET',
      path: `${path}/providers/${PROVIDER}/permissions`,
      operationId: `Permissions_List${name}`,
      summary: 'What the caller may do at this scope.',
      action: null,
      handle: async (request) => {
        const roles = await rolesOf(store.db, request.caller, request.scope);
        const value = roles.map(({ actions, notActions }) => ({
          ...{ actions, notActions, dataActions: [], notDataActions: [] },
        }));
        return ok({ value });
      },
    }),
  ];
}

/** What of a filter is understood; anything else is refused rather than answered with too much. */
export function readFilter(filter: string): { isBelowToo: boolean; principalId: string | null } {
  let isBelowToo = true;
  let principalId: string | null = null;
  for (const part of filter.split(/\s+and\s+/i).filter((one) => one.trim() !== '')) {
    const [, whose] =
      /^\s*(?:assignedTo\('([^']*)'\)|principalId\s+eq\s+'?([^']*?)'?)\s*$/i
        .exec(part)
        ?.filter((one) => one !== undefined) ?? [];
    if (/^\s*atScope\(\)\s*$/i.test(part)) isBelowToo = false;
    else if (whose !== undefined) principalId = whose;
    else {
      const message = `$filter: '${part.slice(0, 60)}' is not one of atScope(), assignedTo('ID'), principalId eq 'ID'.`;
      throw badRequest(message, '$filter');
    }
  }
  return { isBelowToo, principalId };
}

function readProperties(properties: z.infer<typeof assignmentBody>['properties']) {
  const { roleDefinitionId, principalId, principalType, description, condition } = properties;
  if (condition !== undefined && condition !== null) {
    throw badRequest('Conditions of role assignments are not known here.', 'properties.condition');
  }
  const role = roleNamed(roleDefinitionId.slice(roleDefinitionId.lastIndexOf('/') + 1));
  if (role === undefined) throw noRole(roleDefinitionId, 400);
  return {
    ...{ role, principalId: guid(principalId), description: description ?? null },
    principalType: principalType ?? undefined,
  };
}

function guid(text: string): string {
  if (GUID.test(text)) return text.toLowerCase();
  throw new ArmError(400, 'InvalidGuid', `'${text.slice(0, 60)}' is no UUID.`);
}

function assignmentView({ params }: ApiRequest, row: AssignmentRow): object {
  const prefix = row.shown_scope === '/' ? '' : row.shown_scope;
  const owner =
    params.subscription === undefined ? '' : `/subscriptions/${params.subscription.toLowerCase()}`;
  const atTime = new Date(row.created_ms).toISOString();
  return {
    id: `${prefix}/providers/${ASSIGNMENTS}/${row.name}`,
    ...{ name: row.name, type: ASSIGNMENTS },
    properties: {
      roleDefinitionId: `${owner}/providers/${DEFINITIONS}/${row.role_id}`,
      ...{ principalId: row.principal_id, principalType: row.kind, scope: row.shown_scope },
      ...{ description: row.description, condition: null },
      ...{ createdOn: atTime, updatedOn: atTime },
      ...{ createdBy: row.created_by, updatedBy: row.created_by },
    },
  };
}

function definitionView(scope: string, role: Role): object {
  const { id, name, description, actions, notActions } = role;
  return {
    id: `${scope === '/' ? '' : scope}/providers/${DEFINITIONS}/${id}`,
    ...{ name: id, type: DEFINITIONS },
    properties: {
      ...{ roleName: name, type: 'BuiltInRole', description, assignableScopes: ['/'] },
      permissions: [{ actions, notActions, dataActions: [], notDataActions: [] }],
    },
  };
}

function noAssignment(request: ApiRequest): ArmError {
  return notFound(request.path);
}

function noRole(what: string, status: 400 | 404): ArmError {
  const names = ROLES.map(({ id, name }) => `${name} (${id})`).join(', ');
  const message = `There is no role definition '${what.slice(0, 100)}': ${names}.`;
  return new ArmError(status, 'RoleDefinitionDoesNotExist', message);
}
