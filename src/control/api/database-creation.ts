// Creating a database. Everything that stands against it is found before anything is started.

import { randomUUID } from 'node:crypto';
import { ArmError, badRequest, refuse, type Violation } from '../model/arm-error.ts';
import type { DatabaseBody } from '../model/bodies.ts';
import { type Configured, type GeoRequest, judgeNewcomer, violation } from '../model/geo-rules.ts';
import { keyOf } from '../model/resource-id.ts';
import { type DatabaseSettings, databaseFrom } from '../model/settings.ts';
import { databaseMemoryBytes } from '../operations/plans.ts';
import { AccessKeys } from '../store/access-keys.ts';
import { checkFree } from '../store/operations.ts';
import {
  allDatabases,
  type ClusterRecord,
  type DatabaseRecord,
  databasesOf,
  deleteResource,
  insertResource,
} from '../store/resources.ts';
import type { Change } from '../store/store.ts';
import { existingCluster } from './clusters.ts';
import { GeoSnapshot, groupHold } from './geo-state.ts';
import type { Begun } from './long-running.ts';
import { type ApiParts, checkCapacity, newOperation, pathOf } from './parts.ts';
import { checkPlaceInGroup, freePort } from './placement.ts';
import { type ApiRequest, parameter } from './route.ts';

/** Begins to create it; null: it is there already. */
export async function createDatabase(
  parts: ApiParts,
  request: ApiRequest,
  body: DatabaseBody,
): Promise<Begun | null> {
  await checkRights(request, body);
  return await parts.store.change(async (change) => {
    const cluster = await existingCluster(change, request);
    const databases = await databasesOf(change, cluster.key);
    const name = parameter(request, 'database');
    const there = databases.find((one) => one.name.toLowerCase() === name.toLowerCase());
    if (there !== undefined && !isLeftover(there)) return null;
    checkName(name, databases);
    await checkFree(change, [cluster.key, cluster.groupKey]);
    if (cluster.provisioning !== 'Succeeded') throw clusterNotReady(cluster);
    const asked = databaseFrom(body, request.version);
    const ports = { usual: asked.port, asked: body.port ?? null };
    const port = await freePort(change, cluster.hosting.host, ports);
    const settings = { ...asked, port };
    const { host } = cluster.hosting;
    checkModules(settings, parts.hosting.modulesOn(host));
    const newcomer = { cluster, settings, id: `${cluster.id}/databases/${name}` };
    const place = await placeInGroup(change, newcomer, geoRequestOf(body));
    const memoryBytes = databaseMemoryBytes(parts.plans.sizing, cluster);
    await checkCapacity(change, parts.hosting, {
      ...{ region: cluster.settings.location, host, memoryBytes },
      isReplicated: place.how !== 'alone',
    });
    if (there !== undefined) await deleteResource(change, there.key);
    return await begin(parts, change, request, { ...newcomer, ...place, memoryBytes });
  });
}

/** To link is a right of its own, at the new database and at those that it is linked with. */
async function checkRights(request: ApiRequest, { geoReplication }: DatabaseBody): Promise<void> {
  for (const { id } of geoReplication?.linkedDatabases ?? []) {
    if (!id.startsWith('/')) continue;
    await request.authorize('Microsoft.Cache/redisEnterprise/databases/link/action', id);
  }
}

/** One whose creation failed: nothing runs of it, and it can be created again. */
function isLeftover({ state, hosting }: DatabaseRecord): boolean {
  return state === 'CreateFailed' && hosting.runs.as === 'nothing';
}

function checkName(name: string, databases: readonly DatabaseRecord[]): void {
  if (name.toLowerCase() !== 'default') {
    throw badRequest(`The database of a cluster is called 'default', not '${name}'.`, 'name');
  }
  const [other] = databases.filter((one) => !isLeftover(one));
  if (other !== undefined) throw badRequest(`The cluster has a database already: '${other.id}'.`);
}

function clusterNotReady({ id, provisioning }: ClusterRecord): ArmError {
  return new ArmError(
    409,
    'ParentResourceNotReady',
    `The cluster '${id}' is in state '${provisioning}': a database can be created in it once that is 'Succeeded'.`,
    { target: id },
  );
}

function checkModules(settings: DatabaseSettings, available: readonly string[]): void {
  for (const { name } of settings.modules.filter((one) => !available.includes(one.name))) {
    const there = available.length === 0 ? 'none' : available.join(', ');
    const message = `Module '${name}' is not on the hosts of this control plane; it has ${there}.`;
    throw badRequest(message, 'properties.modules');
  }
}

function geoRequestOf({ geoReplication }: DatabaseBody): GeoRequest | null {
  if (geoReplication == null) return null;
  return {
    nickname: geoReplication.groupNickname ?? null,
    linkedIds: (geoReplication.linkedDatabases ?? []).map(({ id }) => id),
  };
}

interface Newcomer {
  readonly cluster: ClusterRecord;
  readonly settings: DatabaseSettings;
  readonly id: string;
}

type Place =
  | { readonly how: 'alone'; readonly group: null }
  | { readonly how: 'begin' | 'join'; readonly group: string };

/** In which group it will be. Throws ArmError naming the rules that are broken. */
async function placeInGroup(
  change: Change,
  newcomer: Newcomer,
  geo: GeoRequest | null,
): Promise<Place> {
  if (geo === null) return { how: 'alone', group: null };
  const { cluster, settings, id } = newcomer;
  const own: Configured = { id, cluster: cluster.settings, database: settings };
  const snapshot = await GeoSnapshot.of(change, geo.linkedIds);
  const judged = judgeNewcomer(own, geo, snapshot.known, snapshot.members);
  refuse(judged.violations);
  if (judged.group === undefined) return { how: 'alone', group: null };
  if (judged.group === 'new') {
    const group = randomUUID();
    const row = { id: group, nickname: geo.nickname ?? '', created_ms: Date.now() };
    await change.insertInto('geo_groups').values(row).execute();
    return { how: 'begin', group };
  }
  refuse(await checkRegion(change, cluster.settings.location, judged.group));
  await checkPlaceInGroup(change, judged.group, cluster.hosting.host);
  return { how: 'join', group: judged.group };
}

/** A group has one member in each region; one that was unlinked keeps its place until it is deleted. */
export async function checkRegion(
  change: Change,
  region: string,
  group: string,
  exceptKey?: string,
): Promise<Violation[]> {
  for (const one of await allDatabases(change)) {
    const isThere =
      one.geoGroup === group ||
      (one.hosting.runs.as === 'member' && one.hosting.runs.group === group);
    if (!isThere || one.key === exceptKey) continue;
    const cluster = await change
      .selectFrom('resources')
      .select('settings')
      .where('key', '=', one.clusterKey)
      .executeTakeFirst();
    const location =
      cluster !== undefined && 'location' in cluster.settings ? cluster.settings.location : '';
    if (location !== region) continue;
    const why =
      one.geoGroup === group
        ? 'is a member there'
        : 'was unlinked and still stands there: delete it or force-link it';
    const message = `location is '${region}', but a group has one member in each region, and '${one.id}' ${why}.`;
    return [violation('RegionTaken', 'R002', 'location', region, 'another region', message)];
  }
  return [];
}

type Placed = Newcomer & Place & { readonly memoryBytes: number };

async function begin(
  { plans }: ApiParts,
  change: Change,
  request: ApiRequest,
  placed: Placed,
): Promise<Begun> {
  const { id, cluster, settings, group, how, memoryBytes } = placed;
  const { subscription } = pathOf(request);
  const resourceGroup = cluster.id.split('/')[4] ?? '';
  await insertResource(change, {
    ...{ id, type: 'database', path: { subscription, resourceGroup }, settings },
    ...{ clusterKey: cluster.key, geoGroup: group, linkState: group === null ? null : 'Linking' },
    secrets: AccessKeys.make().sealed(plans.sealer, keyOf(id)),
    hosting: {
      ...{ runtime: randomUUID(), ...cluster.hosting, memoryBytes },
      runs: { as: 'nothing' },
    },
    ...{ state: 'Creating', provisioning: 'Creating', nowMs: Date.now() },
  });
  return await newOperation(
    change,
    {
      ...{ kind: 'create-database', targetId: id, targetKey: keyOf(id), input: { how } },
      ...{ subscription, location: cluster.settings.location },
      holds: [keyOf(id), cluster.key, ...(group === null ? [] : [groupHold(group)])],
    },
    request,
  );
}
