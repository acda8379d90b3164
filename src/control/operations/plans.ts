// From what is stored of a database or a cache to the engine that is to run for it.

import { passwordDigest } from '../../engine/acl.ts';
import type { EnginePersistence } from '../../engine/settings.ts';
import type { EnginePlan } from '../hosting/hosting.ts';
import { usersAt } from '../model/access.ts';
import {
  cacheSizeGB,
  enterpriseSku,
  memoryLimitBytes,
  type Sizing,
  totalSizeGB,
} from '../model/skus.ts';
import { AccessKeys } from '../store/access-keys.ts';
import type { CacheRecord, ClusterRecord, DatabaseRecord } from '../store/resources.ts';
import type { Sealer } from '../store/sealing.ts';

export interface PlanSettings {
  readonly sealer: Sealer;
  readonly sizing: Sizing;
  /** Of names; null: caches are known by their addresses. */
  readonly domain: string | null;
  /** Of the engines that run here. */
  readonly engineVersion: string;
}

const HOUR_S = 3_600;
/** Of a cache: with TLS and without, as Azure has them. */
export const CACHE_TLS_PORT = 6_380;
export const CACHE_PLAIN_PORT = 6_379;

export function hostNameOf(
  { domain }: Pick<PlanSettings, 'domain'>,
  name: string,
  { region, address }: { readonly region: string; readonly address: string },
): string {
  return domain === null ? address : `${name}.${region}.${domain}`.toLowerCase();
}

export function databasePlan(
  settings: PlanSettings,
  cluster: ClusterRecord,
  database: DatabaseRecord,
): EnginePlan {
  const { address, host } = database.hosting;
  const place = { region: cluster.settings.location, address };
  const { clientProtocol, port, evictionPolicy, modules, persistence } = database.settings;
  const areKeysOn = database.settings.accessKeysAuthentication === 'Enabled';
  return {
    runtime: database.hosting.runtime,
    ...place,
    host,
    hostName: hostNameOf(settings, cluster.name, place),
    port,
    isEncrypted: clientProtocol === 'Encrypted',
    plainPort: null,
    memoryBytes: databaseMemoryBytes(settings.sizing, cluster),
    maxmemoryPolicy: POLICIES[evictionPolicy],
    modules: modules.map(({ name }) => name),
    digests: areKeysOn ? digestsOf(settings.sealer, database) : [],
    users: usersAt(database.access, Date.now()),
    persistence: {
      appendFsync: persistence.aofEnabled ? appendFsync(persistence.aofFrequency) : null,
      snapshotSeconds: persistence.rdbEnabled
        ? Number.parseInt(persistence.rdbFrequency ?? '1h', 10) * HOUR_S
        : null,
    },
  };
}

export function databaseMemoryBytes(
  sizing: Sizing,
  { settings }: Pick<ClusterRecord, 'settings'>,
): number {
  const sku = enterpriseSku(settings.sku.name);
  return memoryLimitBytes(sku === undefined ? 1 : totalSizeGB(sku, settings.sku.capacity), sizing);
}

export function cachePlan(settings: PlanSettings, cache: CacheRecord): EnginePlan {
  const { address, host } = cache.hosting;
  const place = { region: cache.settings.location, address };
  const { disableAccessKeyAuthentication } = cache.settings;
  return {
    runtime: cache.hosting.runtime,
    ...place,
    host,
    hostName: hostNameOf(settings, cache.name, place),
    ...cachePorts(cache),
    memoryBytes: cacheMemoryBytes(settings.sizing, cache),
    maxmemoryPolicy: cachePolicy(cache),
    modules: [],
    digests: disableAccessKeyAuthentication ? [] : digestsOf(settings.sealer, cache),
    users: usersAt(cache.access, Date.now()),
    persistence: NOTHING_KEPT,
  };
}

/** On a host a cache has one port, which is with TLS or without. */
function cachePorts({ hosting, settings: { enableNonSslPort } }: CacheRecord) {
  const { port } = hosting;
  if (port != null) return { port, isEncrypted: !enableNonSslPort, plainPort: null };
  const plainPort = enableNonSslPort ? CACHE_PLAIN_PORT : null;
  return { port: CACHE_TLS_PORT, isEncrypted: true, plainPort };
}

export function cacheMemoryBytes(sizing: Sizing, { settings }: Pick<CacheRecord, 'settings'>) {
  const { family, capacity } = settings.sku;
  return memoryLimitBytes(
    (cacheSizeGB(family, capacity) ?? 1) * (settings.shardCount || 1),
    sizing,
  );
}

const NOTHING_KEPT: EnginePersistence = { appendFsync: null, snapshotSeconds: null };

const POLICIES = {
  AllKeysLFU: 'allkeys-lfu',
  AllKeysLRU: 'allkeys-lru',
  AllKeysRandom: 'allkeys-random',
  VolatileLRU: 'volatile-lru',
  VolatileLFU: 'volatile-lfu',
  VolatileTTL: 'volatile-ttl',
  VolatileRandom: 'volatile-random',
  NoEviction: 'noeviction',
} as const;

function cachePolicy({ settings }: CacheRecord): string {
  const wanted = settings.redisConfiguration['maxmemory-policy'];
  return Object.values(POLICIES).find((policy) => policy === wanted) ?? 'volatile-lru';
}

function appendFsync(frequency: string | null): 'always' | 'everysec' {
  return frequency === 'always' ? 'always' : 'everysec';
}

function digestsOf(
  sealer: Sealer,
  { key, secrets }: { readonly key: string; readonly secrets: string | null },
): string[] {
  if (secrets === null) return [];
  const { primary, secondary } = AccessKeys.unsealed(sealer, key, secrets);
  return [passwordDigest(primary), passwordDigest(secondary)];
}
