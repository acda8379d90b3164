// Clusters, databases and caches as they are stored, read back and decoded.

import { type Selectable, sql } from 'kysely';
import { z } from 'zod';
import { type Access, access } from '../model/access.ts';
import { cacheSettings } from '../model/cache-settings.ts';
import type { LinkState } from '../model/geo-rules.ts';
import type { GroupPath } from '../model/resource-id.ts';
import { groupId, keyOf } from '../model/resource-id.ts';
import { clusterSettings, databaseSettings } from '../model/settings.ts';
import type { Db } from './store.ts';
import type { ResourcesTable } from './tables.ts';

export const PROVISIONING = [
  'Creating',
  'Updating',
  'Deleting',
  'Succeeded',
  'Failed',
  'Canceled',
] as const;
export type ProvisioningState = (typeof PROVISIONING)[number];

/** Where a database or a cache runs. */
export const hosting = z.object({
  /** Names its folder, and is never given twice. */
  runtime: z.string(),
  /** On which machine; null: on that of the control plane. */
  host: z.string().nullable().default(null),
  /** On which clients reach it. */
  address: z.string(),
  /** Of a cache that could not have its usual one. */
  port: z.number().optional(),
  /**
   * engine: an engine of its own. member: of the group that runs in the folder `group`, which it also is while it
   * is unlinked there.
   */
  runs: z.discriminatedUnion('as', [
    z.object({ as: z.literal('nothing') }),
    z.object({ as: z.literal('engine') }),
    z.object({ as: z.literal('member'), group: z.string() }),
  ]),
  memoryBytes: z.number(),
});
export type HostingRecord = z.infer<typeof hosting>;

/** A cluster has nothing but the place of what will run in it. */
const clusterHosting = z.object({
  host: z.string().nullable().default(null),
  address: z.string(),
});

const LINK_STATES = ['Linked', 'Linking', 'Unlinking', 'LinkFailed', 'UnlinkFailed'] as const;
const linkState = z.enum(LINK_STATES).nullable();

interface Common {
  readonly key: string;
  readonly id: string;
  readonly name: string;
  readonly subscription: string;
  readonly groupKey: string;
  readonly provisioning: ProvisioningState;
  readonly state: string;
}

export interface ClusterRecord extends Common {
  readonly settings: z.infer<typeof clusterSettings>;
  readonly hosting: z.infer<typeof clusterHosting>;
}

export interface DatabaseRecord extends Common {
  readonly clusterKey: string;
  readonly geoGroup: string | null;
  readonly linkState: LinkState | null;
  readonly settings: z.infer<typeof databaseSettings>;
  readonly hosting: HostingRecord;
  readonly secrets: string | null;
  readonly access: Access;
}

export interface CacheRecord extends Common {
  readonly settings: z.infer<typeof cacheSettings>;
  readonly hosting: HostingRecord;
  readonly secrets: string | null;
  readonly access: Access;
}

type Row = Selectable<ResourcesTable>;

export function readCluster(row: Row): ClusterRecord {
  return {
    ...common(row),
    settings: clusterSettings.parse(row.settings),
    hosting: clusterHosting.parse(row.hosting),
  };
}

export function readDatabase(row: Row): DatabaseRecord {
  return {
    ...common(row),
    clusterKey: row.parent_key ?? '',
    geoGroup: row.geo_group,
    linkState: linkState.parse(row.link_state),
    settings: databaseSettings.parse(row.settings),
    hosting: hosting.parse(row.hosting),
    secrets: row.secrets,
    access: access.parse(row.access),
  };
}

export function readCache(row: Row): CacheRecord {
  return {
    ...common(row),
    settings: cacheSettings.parse(row.settings),
    hosting: hosting.parse(row.hosting),
    secrets: row.secrets,
    access: access.parse(row.access),
  };
}

function common(row: Row): Common {
  return {
    key: row.key,
    id: row.id,
    name: row.id.slice(row.id.lastIndexOf('/') + 1),
    subscription: row.subscription,
    groupKey: row.group_key,
    provisioning: z.enum(PROVISIONING).parse(row.provisioning_state),
    state: row.resource_state,
  };
}

async function rowOf(db: Db, id: string, type: Row['type']): Promise<Row | undefined> {
  const row = await db
    .selectFrom('resources')
    .selectAll()
    .where('key', '=', keyOf(id))
    .executeTakeFirst();
  return row?.type === type ? row : undefined;
}

export async function findCluster(db: Db, id: string): Promise<ClusterRecord | undefined> {
  const row = await rowOf(db, id, 'cluster');
  return row === undefined ? undefined : readCluster(row);
}

export async function findDatabase(db: Db, id: string): Promise<DatabaseRecord | undefined> {
  const row = await rowOf(db, id, 'database');
  return row === undefined ? undefined : readDatabase(row);
}

export async function findCache(db: Db, id: string): Promise<CacheRecord | undefined> {
  const row = await rowOf(db, id, 'cache');
  return row === undefined ? undefined : readCache(row);
}

export async function databasesOf(db: Db, clusterKey: string): Promise<DatabaseRecord[]> {
  const rows = await db
    .selectFrom('resources')
    .selectAll()
    .where('parent_key', '=', clusterKey)
    .orderBy('key')
    .execute();
  return rows.map(readDatabase);
}

/** The members of a geo-replication group, in the order in which they were created. */
export async function membersOf(db: Db, geoGroup: string): Promise<DatabaseRecord[]> {
  const rows = await db
    .selectFrom('resources')
    .selectAll()
    .where('geo_group', '=', geoGroup)
    .orderBy('created_ms')
    .orderBy('key')
    .execute();
  return rows.map(readDatabase);
}

export async function allDatabases(db: Db): Promise<DatabaseRecord[]> {
  const rows = await db
    .selectFrom('resources')
    .selectAll()
    .where('type', '=', 'database')
    .execute();
  return rows.map(readDatabase);
}

export async function allCaches(db: Db): Promise<CacheRecord[]> {
  const rows = await db.selectFrom('resources').selectAll().where('type', '=', 'cache').execute();
  return rows.map(readCache);
}

/** The clusters of these databases, by key. */
export async function clustersOf(
  db: Db,
  databases: readonly DatabaseRecord[],
): Promise<Map<string, ClusterRecord>> {
  if (databases.length === 0) return new Map();
  const keys = [...new Set(databases.map(({ clusterKey }) => clusterKey))];
  const rows = await db.selectFrom('resources').selectAll().where('key', 'in', keys).execute();
  return new Map(rows.map((row) => [row.key, readCluster(row)]));
}

export interface ListQuestion {
  readonly type: Row['type'];
  readonly subscription: string;
  readonly resourceGroup?: string | undefined;
  readonly afterKey: string | null;
  readonly limit: number;
}

/** In the order of their keys. */
export async function listRows(db: Db, question: ListQuestion): Promise<Row[]> {
  const { type, subscription, resourceGroup, afterKey, limit } = question;
  let query = db
    .selectFrom('resources')
    .selectAll()
    .where('type', '=', type)
    .where('subscription', '=', subscription.toLowerCase());
  if (resourceGroup !== undefined) {
    query = query.where('group_key', '=', keyOf(groupId({ subscription, resourceGroup })));
  }
  if (afterKey !== null) query = query.where('key', '>', afterKey);
  return await query.orderBy('key').limit(limit).execute();
}

export interface NewResource {
  readonly id: string;
  readonly type: Row['type'];
  readonly path: GroupPath;
  readonly clusterKey?: string;
  readonly geoGroup?: string | null;
  readonly linkState?: LinkState | null;
  readonly settings: object;
  readonly hosting: object;
  readonly secrets?: string | null;
  readonly state: string;
  readonly provisioning: ProvisioningState;
  readonly nowMs: number;
}

export async function insertResource(db: Db, resource: NewResource): Promise<void> {
  await db
    .insertInto('resources')
    .values({
      key: keyOf(resource.id),
      id: resource.id,
      type: resource.type,
      subscription: resource.path.subscription.toLowerCase(),
      group_key: keyOf(groupId(resource.path)),
      parent_key: resource.clusterKey ?? null,
      geo_group: resource.geoGroup ?? null,
      link_state: resource.linkState ?? null,
      settings: JSON.stringify(resource.settings),
      hosting: JSON.stringify(resource.hosting),
      secrets: resource.secrets ?? null,
      provisioning_state: resource.provisioning,
      resource_state: resource.state,
      created_ms: resource.nowMs,
      changed_ms: resource.nowMs,
    })
    .execute();
}

export interface ResourceChange {
  readonly settings?: object;
  readonly hosting?: object;
  readonly access?: Access;
  readonly secrets?: string | null;
  readonly geoGroup?: string | null;
  readonly linkState?: LinkState | null;
  readonly provisioning?: ProvisioningState;
  readonly state?: string;
}

export async function updateResource(db: Db, key: string, change: ResourceChange): Promise<void> {
  const { settings, hosting: runs, secrets, geoGroup, linkState: link } = change;
  await db
    .updateTable('resources')
    .set({
      ...(settings === undefined ? {} : { settings: JSON.stringify(settings) }),
      ...(runs === undefined ? {} : { hosting: JSON.stringify(runs) }),
      ...(change.access === undefined ? {} : { access: JSON.stringify(change.access) }),
      ...(secrets === undefined ? {} : { secrets }),
      ...(geoGroup === undefined ? {} : { geo_group: geoGroup }),
      ...(link === undefined ? {} : { link_state: link }),
      ...(change.provisioning === undefined ? {} : { provisioning_state: change.provisioning }),
      ...(change.state === undefined ? {} : { resource_state: change.state }),
      changed_ms: Date.now(),
    })
    .where('key', '=', key)
    .execute();
}

/** Nothing is done to it any more, and it works. */
export async function atRest(db: Db, key: string): Promise<void> {
  await updateResource(db, key, { provisioning: 'Succeeded', state: 'Running' });
}

export async function deleteResource(db: Db, key: string): Promise<void> {
  await db.deleteFrom('resources').where('key', '=', key).execute();
}

/** Databases and caches that admit this principal by its tokens; null: anybody. */
export async function resourcesAdmitting(
  db: Db,
  objectId: string | null,
): Promise<{ key: string; access: Access }[]> {
  const nobody = JSON.stringify({ users: [] });
  const users = JSON.stringify({ users: [{ name: objectId }] });
  const rows = await db
    .selectFrom('resources')
    .select(['key', 'access'])
    .where(
      objectId === null
        ? sql<boolean>`access <> ${nobody}::jsonb`
        : sql<boolean>`access @> ${users}::jsonb`,
    )
    .execute();
  return rows.map((row) => ({ key: row.key, access: access.parse(row.access) }));
}
