// `atoll redisenterprise database`: databases, their keys, and what is done to geo-replication groups.

import type { Command } from 'commander';
import { ENTERPRISE_VERSION as VERSION } from '../api-versions.ts';
import type { Request } from '../client.ts';
import {
  type DatabaseOptions,
  databaseBody,
  databaseOptions,
  databaseUpdateOptions,
  geoBody,
  geoOptions,
  needs,
} from '../enterprise-options.ts';
import type { Json } from '../json.ts';
import { type CommonOptions, option } from '../options.ts';
import { databaseRow } from '../rows.ts';
import type { Session } from '../session.ts';
import { several } from '../values.ts';
import { verb, verbs } from '../verb.ts';
import { accessCommand } from './access.ts';
import { keyCommands } from './keys.ts';
import { waitCommand } from './looking.ts';

export function databaseCommand(): Command {
  return verbs('database', 'databases, their keys and their geo-replication groups', [
    ...settingCommands(),
    ...readingCommands(),
    ...keyCommands({ target: 'database', regenerate: 'regenerate-key', version: VERSION }),
    ...groupCommands(),
    ...dataCommands(),
    accessCommand(),
    waitCommand('database'),
  ]);
}

/** What is begun is over when this returns, unless that is not wanted. */
async function changed(
  { client }: Session,
  request: Request,
  { wait }: CommonOptions,
): Promise<Json | undefined> {
  if (wait !== false) return await client.finish(request);
  await client.begin(request);
  return undefined;
}

function settingCommands(): Command[] {
  const common = { target: 'database', isChange: true, isLong: true, row: databaseRow } as const;
  return [
    verb<DatabaseOptions>({
      ...{ ...common, name: 'create', options: databaseOptions() },
      about: 'create a database, alone or as a member of a geo-replication group',
      run: async (session, { id: path }, options) => {
        const body = databaseBody(options);
        return await changed(session, { method: 'PUT', path, version: VERSION, body }, options);
      },
    }),
    verb<DatabaseOptions>({
      ...{ ...common, name: 'update', options: databaseUpdateOptions() },
      about: 'change a database',
      run: async (session, { id: path }, options) => {
        const body = databaseBody(options);
        return await changed(session, { method: 'PATCH', path, version: VERSION, body }, options);
      },
    }),
    verb({
      ...{ name: 'delete', target: 'database', isLong: true },
      about: 'delete a database; it leaves its geo-replication group',
      destroys: 'delete the database and its data, which the other members of its group keep',
      run: async (session, { id: path }, options) => {
        await changed(session, { method: 'DELETE', path, version: VERSION }, options);
        return undefined;
      },
    }),
  ];
}

function readingCommands(): Command[] {
  return [
    verb({
      ...{ name: 'show', about: 'show a database and its group', target: 'database' },
      row: databaseRow,
      run: async ({ client }, { id }) => await client.get(id, VERSION),
    }),
    verb({
      ...{ name: 'list', about: 'list the databases of a cluster', target: 'cluster' },
      row: databaseRow,
      run: async ({ client }, { id }) => await client.list(`${id}/databases`, VERSION),
    }),
  ];
}

interface IdsOptions {
  readonly unlinkIds?: readonly string[];
  readonly linkedIds?: readonly string[];
}

function groupCommands(): Command[] {
  const action = async (session: Session, path: string, body: Json, options: CommonOptions) => {
    await changed(session, { method: 'POST', path, version: VERSION, body }, options);
    return undefined;
  };
  return [
    verb<IdsOptions>({
      ...{ name: 'force-unlink', target: 'database', hasOwnIds: true, isLong: true },
      about: 'go on without members that are lost; ask a member that is not',
      destroys: 'unlink members for good: what only they have is lost to the others',
      options: [
        option('--unlink-ids <id...>', 'ids of the databases to unlink', {
          spellings: ['--ids'],
          parse: several,
        }),
      ],
      check: ({ unlinkIds }) => needs(unlinkIds, '--unlink-ids'),
      run: (session, { id }, options) =>
        action(session, `${id}/forceUnlink`, { ids: [...(options.unlinkIds ?? [])] }, options),
    }),
    verb<DatabaseOptions>({
      ...{ name: 'force-link-to-replication-group', target: 'database', isLong: true },
      about: 'make a database a member of a group, with the data of the group',
      destroys: 'discard all data of the database, which then has that of the group',
      options: geoOptions(),
      check: ({ linkedDatabases }) => needs(linkedDatabases, '--linked-databases'),
      run: (session, { id }, options) => {
        const body = { geoReplication: geoBody(options) };
        return action(session, `${id}/forceLinkToReplicationGroup`, body, options);
      },
    }),
    verb<IdsOptions>({
      ...{ name: 'flush', target: 'database', isLong: true },
      about: 'remove all keys of a database, and of all that are linked with it',
      destroys: 'remove all keys of the database and of every database that is linked with it',
      options: [
        option('--linked-ids <id...>', 'ids of all other databases of the group, as a check', {
          parse: several,
        }),
      ],
      run: (session, { id }, { linkedIds, ...options }) => {
        const body = linkedIds === undefined ? {} : { ids: [...linkedIds] };
        return action(session, `${id}/flush`, body, options);
      },
    }),
  ];
}

interface DataOptions {
  readonly sasUri?: string;
  readonly sasUris?: readonly string[];
}

function dataCommands(): Command[] {
  return [
    verb<DataOptions>({
      ...{ name: 'export', target: 'database', isChange: true, isLong: true },
      about: 'write all data to a file',
      options: [option('--sas-uri <uri>', 'folder or container to write to')],
      check: ({ sasUri }) => needs(sasUri, '--sas-uri'),
      run: async (session, { id }, options) => {
        const body = { sasUri: options.sasUri ?? '' };
        const request = { method: 'POST', path: `${id}/export`, version: VERSION, body } as const;
        await changed(session, request, options);
        return undefined;
      },
    }),
    verb<DataOptions>({
      ...{ name: 'import', target: 'database', isLong: true },
      about: 'read data from files',
      destroys: 'replace the data of the database by that of the files',
      options: [option('--sas-uris <uri...>', 'files to read', { parse: several })],
      check: ({ sasUris }) => needs(sasUris, '--sas-uris'),
      run: async (session, { id }, options) => {
        const body = { sasUris: [...(options.sasUris ?? [])] };
        const request = { method: 'POST', path: `${id}/import`, version: VERSION, body } as const;
        await changed(session, request, options);
        return undefined;
      },
    }),
  ];
}
