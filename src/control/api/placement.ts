// Where something new goes: to the host of its region that has the most room, or to this machine where a region has
// no hosts. What runs on a host shares its address, so that each needs a port of its own there.

import { ArmError } from '../model/arm-error.ts';
import { type ClusterSettings, DEFAULT_PORT } from '../model/settings.ts';
import {
  CACHE_PLAIN_PORT,
  CACHE_TLS_PORT,
  databaseMemoryBytes,
  type PlanSettings,
} from '../operations/plans.ts';
import { membersOf, readCache, readCluster, readDatabase } from '../store/resources.ts';
import type { Change, Db } from '../store/store.ts';
import { newAddress } from './addresses.ts';
import { type ApiParts, chargedBytes, mebibytes, type Need } from './parts.ts';

/** Up to here ports on a host are for clients; those above it the host gives out itself. */
const HIGHEST_PORT = 11_999;

export interface Place {
  readonly address: string;
  readonly host: string | null;
}

/** What a cluster may come to need. */
export function clusterNeed(plans: PlanSettings, settings: ClusterSettings): Omit<Need, 'host'> {
  const memoryBytes = databaseMemoryBytes(plans.sizing, { settings });
  return { region: settings.location, memoryBytes, isReplicated: true };
}

/** Throws ArmError when no host of the region has room. */
export async function newPlace(
  { hosting, plans }: Pick<ApiParts, 'hosting' | 'plans'>,
  change: Change,
  need: Omit<Need, 'host'>,
): Promise<Place> {
  const places = hosting.placesIn(need.region);
  if (places === null) return { address: await newAddress(change), host: null };
  const promised = await promisedBytes(change, plans);
  const free = places
    .filter(({ isReachable }) => isReachable)
    .map((one) => ({ ...one, freeBytes: one.memoryBytes - (promised.get(one.name) ?? 0) }))
    .sort((a, b) => b.freeBytes - a.freeBytes);
  const [best] = free;
  const neededBytes = chargedBytes(need);
  if (best !== undefined && best.freeBytes >= neededBytes) {
    return { address: best.address, host: best.name };
  }
  const most = best === undefined ? 'no host answers' : `${mebibytes(best.freeBytes)} MiB are free`;
  throw new ArmError(
    409,
    'CapacityExceeded',
    `There is no host with room for it in ${need.region}: it needs ${mebibytes(neededBytes)} MiB, and ${most}. Delete what is not used, choose a smaller SKU, or enrol another host.`,
    { target: 'sku' },
  );
}

/** By host: what its clusters and caches may come to need. */
async function promisedBytes(db: Db, plans: PlanSettings): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom('resources')
    .selectAll()
    .where('type', 'in', ['cluster', 'cache'])
    .execute();
  const promised = new Map<string, number>();
  for (const row of rows) {
    const isCache = row.type === 'cache';
    const { host } = isCache ? readCache(row).hosting : readCluster(row).hosting;
    if (host === null) continue;
    const bytes = isCache
      ? chargedBytes({ ...readCache(row).hosting, isReplicated: false })
      : chargedBytes(clusterNeed(plans, readCluster(row).settings));
    promised.set(host, (promised.get(host) ?? 0) + bytes);
  }
  return promised;
}

/**
 * On this machine all have the port that they ask for; on a host the first that is free, unless one is asked for.
 * Throws ArmError when that is taken.
 */
export async function freePort(
  db: Db,
  host: string | null,
  { usual, asked }: { readonly usual: number; readonly asked: number | null },
): Promise<number> {
  if (host === null) return usual;
  const taken = await portsOn(db, host);
  if (!taken.has(usual)) return usual;
  if (asked !== null) {
    const message = `Port ${asked} is taken on host '${host}'. Leave it out, or choose another.`;
    throw new ArmError(409, 'PortTaken', message, { target: 'properties.port' });
  }
  for (let port = DEFAULT_PORT; port <= HIGHEST_PORT; port++) if (!taken.has(port)) return port;
  throw new ArmError(409, 'CapacityExceeded', `Host '${host}' has no port left for clients.`);
}

/**
 * Members on this machine have addresses of loopback: neither they nor those on hosts could reach the others. Throws
 * ArmError when one at this place could not be in the group.
 */
export async function checkPlaceInGroup(db: Db, group: string, host: string | null): Promise<void> {
  const members = await membersOf(db, group);
  const other = members.find(({ hosting }) => (hosting.host === null) !== (host === null));
  if (other === undefined) return;
  const [own, its] = [host, other.hosting.host].map((one) =>
    one === null ? 'on the machine of the control plane' : `on host '${one}'`,
  );
  const message = `The members of a group are all on the machine of the control plane, or all on hosts: this one is ${own}, '${other.id}' ${its}. Enrol hosts in all regions of the group.`;
  throw new ArmError(409, 'PlacesMixed', message, { target: 'location' });
}

async function portsOn(db: Db, host: string): Promise<Set<number>> {
  const rows = await db
    .selectFrom('resources')
    .selectAll()
    .where('type', 'in', ['database', 'cache'])
    .execute();
  const taken = new Set<number>();
  for (const row of rows) {
    if (row.type === 'database') {
      const { hosting, settings } = readDatabase(row);
      if (hosting.host === host) taken.add(settings.port);
    } else {
      const { hosting, settings } = readCache(row);
      const usual = settings.enableNonSslPort ? CACHE_PLAIN_PORT : CACHE_TLS_PORT;
      if (hosting.host === host) taken.add(hosting.port ?? usual);
    }
  }
  return taken;
}
