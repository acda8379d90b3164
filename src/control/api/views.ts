// Resources as answers show them.

import { displayName } from '../model/locations.ts';
import { CACHE_TYPE, CLUSTER_TYPE, DATABASE_TYPE } from '../model/resource-id.ts';
import { enterpriseSku, kindOf } from '../model/skus.ts';
import {
  CACHE_PLAIN_PORT,
  CACHE_TLS_PORT,
  hostNameOf,
  type PlanSettings,
} from '../operations/plans.ts';
import type { CacheRecord, ClusterRecord, DatabaseRecord } from '../store/resources.ts';

export interface GeoView {
  readonly nickname: string;
  readonly members: readonly Pick<DatabaseRecord, 'id' | 'linkState'>[];
}

export function clusterView(plans: PlanSettings, cluster: ClusterRecord): object {
  const { settings, hosting, name } = cluster;
  const sku = enterpriseSku(settings.sku.name);
  const place = { region: settings.location, address: hosting.address };
  return {
    id: cluster.id,
    name,
    type: CLUSTER_TYPE,
    ...(sku === undefined ? {} : { kind: kindOf(sku.family) }),
    location: displayName(settings.location),
    tags: settings.tags,
    sku: shownSku(settings.sku),
    ...(settings.zones === null ? {} : { zones: settings.zones }),
    ...(settings.identity === null ? {} : { identity: settings.identity }),
    properties: {
      minimumTlsVersion: settings.minimumTlsVersion,
      highAvailability: settings.highAvailability,
      ...(settings.publicNetworkAccess === null
        ? {}
        : { publicNetworkAccess: settings.publicNetworkAccess }),
      ...(settings.encryption === null ? {} : { encryption: settings.encryption }),
      hostName: hostNameOf(plans, name, place),
      provisioningState: cluster.provisioning,
      resourceState: cluster.state,
      redundancyMode: settings.zones === null ? 'LR' : 'ZR',
      redisVersion: plans.engineVersion,
      privateEndpointConnections: [],
    },
  };
}

function shownSku({ name, capacity }: ClusterRecord['settings']['sku']): object {
  return capacity === null ? { name } : { name, capacity };
}

/** `geo`: the group that it is in. */
export function databaseView(database: DatabaseRecord, geo: GeoView | null): object {
  const { settings } = database;
  const { aofEnabled, rdbEnabled, aofFrequency, rdbFrequency } = settings.persistence;
  return {
    id: database.id,
    name: database.name,
    type: DATABASE_TYPE,
    properties: {
      clientProtocol: settings.clientProtocol,
      port: settings.port,
      clusteringPolicy: settings.clusteringPolicy,
      evictionPolicy: settings.evictionPolicy,
      persistence: {
        aofEnabled,
        rdbEnabled,
        ...(aofFrequency === null ? {} : { aofFrequency }),
        ...(rdbFrequency === null ? {} : { rdbFrequency }),
      },
      modules: settings.modules.map(({ name, args }) => ({ name, args: args ?? '' })),
      accessKeysAuthentication: settings.accessKeysAuthentication,
      deferUpgrade: settings.deferUpgrade,
      provisioningState: database.provisioning,
      resourceState: database.state,
      ...(geo === null
        ? {}
        : {
            geoReplication: {
              groupNickname: geo.nickname,
              linkedDatabases: geo.members.map(({ id, linkState }) => ({ id, state: linkState })),
            },
          }),
    },
  };
}

/** `keys`: only the answer to a creation shows them. */
export function cacheView(
  plans: PlanSettings,
  cache: CacheRecord,
  keys: { primaryKey: string; secondaryKey: string } | null,
): object {
  const { settings, hosting, name } = cache;
  const place = { region: settings.location, address: hosting.address };
  const { sku, location, tags, zones, identity, replicasPerPrimary, ...rest } = settings;
  return {
    id: cache.id,
    name,
    type: CACHE_TYPE,
    location: displayName(location),
    tags,
    ...(zones === null ? {} : { zones }),
    ...(identity === null ? {} : { identity }),
    properties: {
      ...rest,
      redisVersion: settings.redisVersion ?? plans.engineVersion,
      sku,
      replicasPerMaster: replicasPerPrimary,
      replicasPerPrimary,
      provisioningState: cache.provisioning,
      hostName: hostNameOf(plans, name, place),
      port: (settings.enableNonSslPort ? hosting.port : undefined) ?? CACHE_PLAIN_PORT,
      sslPort: (settings.enableNonSslPort ? undefined : hosting.port) ?? CACHE_TLS_PORT,
      accessKeys: keys,
      linkedServers: [],
      instances: [
        { sslPort: 15_000, nonSslPort: 13_000, shardId: 0, isMaster: true, isPrimary: true },
      ],
      privateEndpointConnections: [],
    },
  };
}
