// `atoll role`: who may do what, with the arguments of `az role`.

import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { OperatorError } from '../../../base/errors.ts';
import { AUTHORIZATION_VERSION } from '../api-versions.ts';
import { needs } from '../enterprise-options.ts';
import { at, type Json, listAt, textAt } from '../json.ts';
import { option } from '../options.ts';
import type { Row } from '../render.ts';
import type { Session } from '../session.ts';
import { verb, verbs } from '../verb.ts';
import { existing } from './principal.ts';

const PROVIDER = 'providers/Microsoft.Authorization';

interface AssignmentOptions {
  readonly assignee?: string;
  readonly role?: string;
  readonly scope?: string;
  readonly all?: boolean;
  readonly ids?: string;
}

const ASSIGNEE = () =>
  option('--assignee <id>', 'object id, client id or name', {
    spellings: ['--assignee-object-id'],
  });
const SCOPE = () =>
  option(
    '--scope <id>',
    'of a subscription, group or resource, or / for everything; default: the subscription',
  );

const assignmentRow = (item: Json): Row => ({
  Principal: textAt(item, 'properties', 'principalId'),
  Kind: textAt(item, 'properties', 'principalType'),
  Role: textAt(item, 'properties', 'roleDefinitionId').split('/').at(-1) ?? '',
  Scope: textAt(item, 'properties', 'scope'),
});

export function roleCommand(): Command {
  return verbs('role', 'who may do what', [
    verbs('assignment', 'roles that are given', [createCommand(), listCommand(), deleteCommand()]),
    verbs('definition', 'roles', [
      verb({
        name: 'list',
        about: 'list roles',
        target: 'none',
        row: (item) => ({
          Name: textAt(item, 'properties', 'roleName'),
          Id: textAt(item, 'name'),
          Description: textAt(item, 'properties', 'description'),
        }),
        run: async ({ client }) =>
          await client.list(`/${PROVIDER}/roleDefinitions`, AUTHORIZATION_VERSION),
      }),
    ]),
  ]);
}

function createCommand(): Command {
  return verb<AssignmentOptions>({
    name: 'create',
    about: 'give somebody a role',
    target: 'none',
    isChange: true,
    options: [ASSIGNEE(), option('--role <role>', 'its name or id'), SCOPE()],
    check: ({ assignee, role }) => {
      needs(assignee, '--assignee');
      needs(role, '--role');
    },
    row: assignmentRow,
    run: async (session, { id }, { assignee = '', role = '', scope = id }) => {
      const roleDefinitionId = await roleIn(session, role);
      const principal = await existing(session, assignee);
      const path = `${below(scope)}/roleAssignments/${randomUUID()}`;
      const [principalId, principalType] = ['objectId', 'kind'].map((name) =>
        textAt(principal, name),
      );
      const properties = { roleDefinitionId, principalId, principalType } as Json;
      return await session.client.begin({
        ...{ method: 'PUT', path, version: AUTHORIZATION_VERSION, body: { properties } },
      });
    },
  });
}

function listCommand(): Command {
  return verb<AssignmentOptions>({
    name: 'list',
    about: 'list roles that are given at a scope and above it; with --all also within it',
    target: 'none',
    options: [ASSIGNEE(), SCOPE(), option('--all', 'also within the scope')],
    row: assignmentRow,
    run: async (session, { id }, { assignee, scope = id, all }) => {
      const parts = all === true ? [] : ['atScope()'];
      if (assignee !== undefined) {
        const principal = await existing(session, assignee);
        parts.push(`principalId eq '${textAt(principal, 'objectId')}'`);
      }
      const filter =
        parts.length === 0 ? '' : `?$filter=${encodeURIComponent(parts.join(' and '))}`;
      const path = `${below(scope)}/roleAssignments${filter}`;
      return listAt(await session.client.get(path, AUTHORIZATION_VERSION), 'value');
    },
  });
}

function deleteCommand(): Command {
  return verb<AssignmentOptions>({
    name: 'delete',
    about: 'take a role away again',
    target: 'none',
    hasOwnIds: true,
    options: [option('--ids <id>', 'as `atoll role assignment list` has it')],
    check: ({ ids }) => needs(ids, '--ids'),
    destroys: 'take the role away',
    run: async ({ client }, _, { ids = '' }) => {
      await client.begin({ method: 'DELETE', path: ids, version: AUTHORIZATION_VERSION });
      return undefined;
    },
  });
}

/** Where what belongs to a scope begins. */
function below(scope: string): string {
  return `${scope.replace(/\/+$/, '')}/${PROVIDER}`;
}

/** The id of a role by its name or id, as the control plane lists them. */
async function roleIn({ client }: Session, wanted: string): Promise<string> {
  const roles = await client.list(`/${PROVIDER}/roleDefinitions`, AUTHORIZATION_VERSION);
  const found = roles.find((one) =>
    [textAt(one, 'name'), textAt(one, 'properties', 'roleName')].some(
      (name) => name.toLowerCase() === wanted.toLowerCase(),
    ),
  );
  if (found !== undefined) return String(at(found, 'id'));
  throw new OperatorError(
    'ROLE_UNKNOWN',
    `there is no role ${wanted}`,
    `Roles are ${roles.map((one) => textAt(one, 'properties', 'roleName')).join(', ')}.`,
  );
}
