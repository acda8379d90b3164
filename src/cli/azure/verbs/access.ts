// `atoll redisenterprise database access-policy-assignment`: who may use the data with tokens in place of keys.

import type { Command } from 'commander';
import { ENTERPRISE_VERSION as VERSION } from '../api-versions.ts';
import type { Request } from '../client.ts';
import { needs } from '../enterprise-options.ts';
import { type Json, type JsonObject, textAt } from '../json.ts';
import { type CommonOptions, option } from '../options.ts';
import type { Row } from '../render.ts';
import type { Session } from '../session.ts';
import type { Target } from '../targets.ts';
import { settings } from '../values.ts';
import { verb, verbs } from '../verb.ts';

interface AssignmentOptions {
  readonly accessPolicyAssignmentName?: string;
  readonly accessPolicyName?: string;
  readonly user?: JsonObject;
}

const NAME = '--access-policy-assignment-name';
/** The only policy that databases have. */
const POLICY = 'default';

const row = (item: Json): Row => ({
  Name: textAt(item, 'name'),
  Policy: textAt(item, 'accessPolicyName'),
  ObjectId: textAt(item, 'user', 'objectId'),
  State: textAt(item, 'provisioningState'),
});

const named = () => option(`${NAME} <name>`, 'assignment', { spellings: ['--assignment-name'] });
const checkName = ({ accessPolicyAssignmentName }: AssignmentOptions) =>
  needs(accessPolicyAssignmentName, NAME);

function pathOf({ id }: Target, { accessPolicyAssignmentName = '' }: AssignmentOptions): string {
  return `${id}/accessPolicyAssignments/${encodeURIComponent(accessPolicyAssignmentName)}`;
}

export function accessCommand(): Command {
  const writing = {
    target: 'database',
    isChange: true,
    isLong: true,
    options: [
      named(),
      option('--access-policy-name <name>', `${POLICY} (there is no other)`),
      option('--user <object-id=ID...>', 'principal', { parse: settings(['objectId']) }),
    ],
    check: (options: AssignmentOptions) => {
      checkName(options);
      needs(options.user, '--user');
    },
    row,
    run: assign,
  } as const;
  return verbs('access-policy-assignment', 'who may use the data with tokens in place of keys', [
    verb<AssignmentOptions>({ ...writing, name: 'create', about: 'let a principal in' }),
    verb<AssignmentOptions>({ ...writing, name: 'update', about: 'the same' }),
    verb<AssignmentOptions>({
      ...{ name: 'show', about: 'show an assignment', target: 'database', row },
      options: [named()],
      check: checkName,
      run: async ({ client }, target, options) =>
        await client.get(pathOf(target, options), VERSION),
    }),
    verb({
      ...{ name: 'list', about: 'list assignments', target: 'database', row },
      run: async ({ client }, { id }) =>
        await client.list(`${id}/accessPolicyAssignments`, VERSION),
    }),
    verb<AssignmentOptions>({
      ...{ name: 'delete', about: 'let a principal in no more', target: 'database', isLong: true },
      destroys: 'take the right to use the data from a principal',
      options: [named()],
      check: checkName,
      run: async ({ client }, target, options) => {
        const path = pathOf(target, options);
        const request = { method: 'DELETE', path, version: VERSION } as const;
        await (options.wait === false ? client.begin(request) : client.finish(request));
        return undefined;
      },
    }),
  ]);
}

async function assign(
  { client }: Session,
  target: Target,
  options: AssignmentOptions & CommonOptions,
): Promise<Json | undefined> {
  const request: Request = {
    ...{ method: 'PUT', path: pathOf(target, options), version: VERSION },
    body: {
      properties: {
        accessPolicyName: options.accessPolicyName ?? POLICY,
        user: options.user ?? {},
      },
    },
  };
  if (options.wait !== false) return await client.finish(request);
  await client.begin(request);
  return undefined;
}
