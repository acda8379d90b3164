// `atoll redisenterprise`: clusters, each with the database that is called default.

import type { Command } from 'commander';
import { GROUP_VERSION, ENTERPRISE_VERSION as VERSION } from '../api-versions.ts';
import type { Request } from '../client.ts';
import {
  type ClusterOptions,
  checkCreation,
  clusterBody,
  clusterOptions,
  clusterUpdateOptions,
  type DatabaseOptions,
  databaseBody,
  databaseOptions,
} from '../enterprise-options.ts';
import { ArmFailure } from '../failure.ts';
import { isObject, type Json, textAt } from '../json.ts';
import type { CommonOptions } from '../options.ts';
import { option } from '../options.ts';
import { clusterRow } from '../rows.ts';
import type { Session } from '../session.ts';
import type { Target } from '../targets.ts';
import { verb, verbs } from '../verb.ts';
import { databaseCommand } from './database.ts';
import { operationStatusCommand, testConnectionCommand, waitCommand } from './looking.ts';

type CreateOptions = ClusterOptions & DatabaseOptions & { readonly database?: boolean };

/** R213. */
const ROUTING =
  'Nothing moves clients between regions: give each application the endpoints of more than one member, and try both.';
const PROVIDER = 'providers/Microsoft.Cache/redisEnterprise';

export function clusterCommand(): Command {
  return verbs('redisenterprise', 'clusters with geo-replication, as `az redisenterprise`', [
    createCommand(),
    ...readingCommands(),
    updateCommand(),
    verb({
      name: 'delete',
      about: 'delete a cluster; its database leaves its geo-replication group',
      target: 'cluster',
      destroys: 'delete the cluster and its data, which the other members of its group keep',
      isLong: true,
      run: async ({ client }, { id }, { wait }) => {
        const request = { method: 'DELETE', path: id, version: VERSION } as const;
        await (wait === false ? client.begin(request) : client.finish(request));
        return undefined;
      },
    }),
    databaseCommand(),
    operationStatusCommand(),
    testConnectionCommand(),
    waitCommand('cluster'),
  ]);
}

function createCommand(): Command {
  return verb<CreateOptions>({
    name: 'create',
    about: 'create a cluster and its database, alone or as a member of a geo-replication group',
    target: 'cluster',
    isChange: true,
    isLong: true,
    options: [
      ...clusterOptions(),
      ...databaseOptions(),
      option('--no-database', 'the cluster only'),
    ],
    check: checkCreation,
    row: clusterRow,
    run: create,
  });
}

function readingCommands(): Command[] {
  return [
    verb({
      name: 'list',
      about: 'list clusters with their databases',
      target: 'none',
      options: [option('-g, --resource-group <name>', 'only those of a resource group')],
      row: clusterRow,
      run: async ({ client }, { id }) => {
        const clusters = await client.list(`${id}/${PROVIDER}`, VERSION);
        return await Promise.all(clusters.map((one) => withDatabases(client, one)));
      },
    }),
    verb({
      name: 'show',
      about: 'show a cluster with its databases; without keys',
      target: 'cluster',
      row: clusterRow,
      run: async ({ client }, { id }) => await withDatabases(client, await client.get(id, VERSION)),
    }),
    verb({
      name: 'list-skus-for-scaling',
      about: 'SKUs that a cluster can be scaled to',
      target: 'cluster',
      run: async ({ client }, { id }) =>
        await client.begin({ method: 'POST', path: `${id}/listSkusForScaling`, version: VERSION }),
    }),
  ];
}

function updateCommand(): Command {
  return verb<ClusterOptions>({
    name: 'update',
    about: 'change a cluster',
    target: 'cluster',
    isChange: true,
    isLong: true,
    options: clusterUpdateOptions(),
    row: clusterRow,
    run: async ({ client }, { id }, options) => {
      const body = clusterBody(options);
      const request = { method: 'PATCH', path: id, version: VERSION, body } as const;
      if (options.wait !== false) return await client.finish(request);
      await client.begin(request);
      return undefined;
    },
  });
}

/** The database needs the cluster, so that is waited for in any case. */
async function create(
  { client, progress, note }: Session,
  target: Target,
  options: CreateOptions & CommonOptions,
): Promise<Json | undefined> {
  const { id, name } = target;
  const location = options.location ?? (await groupLocation(client, target));
  const body = clusterBody({ ...options, location });
  const request = { method: 'PUT', path: id, version: VERSION, body } as const;
  if (options.database === false && options.wait === false) {
    await client.begin(request);
    return undefined;
  }
  const cluster = await client.finish(request);
  if (options.database === false) return cluster;
  progress.about(`${name}/default`);
  const database: Request = {
    ...{ method: 'PUT', path: `${id}/databases/default`, version: VERSION },
    body: databaseBody(options),
  };
  try {
    const made = await (options.wait === false ? client.begin(database) : client.finish(database));
    if (options.linkedDatabases !== undefined) note(ROUTING);
    return options.wait === false ? undefined : made;
  } catch (error) {
    if (error instanceof ArmFailure) {
      const left = `The cluster ${name} is there, without a database. Give it one with \`atoll redisenterprise database create\`, or delete it.`;
      error.hint = [left, error.hint].filter((line) => line !== '').join('\n');
    }
    throw error;
  }
}

/** Where nothing else is said, things are where their resource group is. */
export async function groupLocation(
  client: Session['client'],
  target: Pick<Target, 'subscription' | 'resourceGroup'>,
): Promise<string> {
  const path = `/subscriptions/${target.subscription}/resourceGroups/${target.resourceGroup}`;
  return textAt(await client.get(path, GROUP_VERSION), 'location');
}

async function withDatabases(client: Session['client'], cluster: Json): Promise<Json> {
  if (!isObject(cluster) || typeof cluster.id !== 'string') return cluster;
  const databases = await client.list(`${cluster.id}/databases`, VERSION);
  return { ...cluster, databases, zones: cluster.zones ?? null };
}
