// What a cluster and a database are set to, once a request's body has been read and what it leaves open is filled
// in. This is what is stored; resources are shown from it.

import { z } from 'zod';
import type { ApiVersion } from './api-version.ts';
import { badRequest, refuse, type Violation } from './arm-error.ts';
import {
  CLIENT_PROTOCOLS,
  CLUSTERING_POLICIES,
  type ClusterBody,
  type ClusterPatch,
  type DatabaseBody,
  EVICTION_POLICIES,
} from './bodies.ts';
import { locationNamed } from './locations.ts';
import { checkEnterpriseSku, enterpriseSku } from './skus.ts';

const onOff = z.enum(['Enabled', 'Disabled']);

export const clusterSettings = z.object({
  location: z.string(),
  tags: z.record(z.string(), z.string()),
  sku: z.object({ name: z.string(), capacity: z.number().nullable() }),
  zones: z.array(z.string()).nullable(),
  identity: z.record(z.string(), z.unknown()).nullable(),
  minimumTlsVersion: z.string(),
  highAvailability: onOff,
  publicNetworkAccess: onOff.nullable(),
  encryption: z.record(z.string(), z.unknown()).nullable(),
});

export const databaseSettings = z.object({
  clientProtocol: z.enum(CLIENT_PROTOCOLS),
  port: z.number(),
  clusteringPolicy: z.enum(CLUSTERING_POLICIES),
  evictionPolicy: z.enum(EVICTION_POLICIES),
  persistence: z.object({
    aofEnabled: z.boolean(),
    rdbEnabled: z.boolean(),
    aofFrequency: z.string().nullable(),
    rdbFrequency: z.string().nullable(),
  }),
  modules: z.array(z.object({ name: z.string(), args: z.string().nullable() })),
  accessKeysAuthentication: onOff,
  deferUpgrade: z.enum(['Deferred', 'NotDeferred']),
});

export type ClusterSettings = z.infer<typeof clusterSettings>;
export type DatabaseSettings = z.infer<typeof databaseSettings>;

/** In practice every cache has it. */
export const DEFAULT_PORT = 10_000;
/** Modules by the names that requests use. */
export const MODULE_NAMES = ['RediSearch', 'RedisJSON', 'RedisBloom', 'RedisTimeSeries'] as const;

/** Throws ArmError when the request cannot be met, whatever there is already. */
export function clusterFrom(body: ClusterBody, version: ApiVersion): ClusterSettings {
  const properties = body.properties ?? {};
  if (version.needsPublicNetworkAccess && properties.publicNetworkAccess === undefined) {
    throw badRequest(
      `properties.publicNetworkAccess is required since api-version 2025-07-01: Enabled or Disabled.`,
      'properties.publicNetworkAccess',
    );
  }
  return {
    location: locationNamed(body.location),
    tags: body.tags ?? {},
    sku: skuFrom(body.sku),
    zones: body.zones ?? null,
    identity: body.identity ?? null,
    minimumTlsVersion: properties.minimumTlsVersion ?? '1.2',
    highAvailability: properties.highAvailability ?? 'Enabled',
    publicNetworkAccess: properties.publicNetworkAccess ?? null,
    encryption: properties.encryption ?? null,
  };
}

export function clusterChanged(now: ClusterSettings, patch: ClusterPatch): ClusterSettings {
  const properties = patch.properties ?? {};
  return {
    ...now,
    tags: patch.tags ?? now.tags,
    identity: patch.identity ?? now.identity,
    sku: patch.sku == null ? now.sku : skuFrom(patch.sku),
    minimumTlsVersion: properties.minimumTlsVersion ?? now.minimumTlsVersion,
    highAvailability: properties.highAvailability ?? now.highAvailability,
    publicNetworkAccess: properties.publicNetworkAccess ?? now.publicNetworkAccess,
    encryption: properties.encryption ?? now.encryption,
  };
}

/** With the name as the table has it. Enterprise and flash have the smallest capacity by default. */
function skuFrom({ name, capacity }: ClusterBody['sku']): ClusterSettings['sku'] {
  refuse(checkEnterpriseSku({ name, capacity: capacity ?? null }));
  const sku = enterpriseSku(name);
  const byDefault = { Enterprise: 2, EnterpriseFlash: 3 } as const;
  const family = sku?.family;
  const least = family === 'Enterprise' || family === 'EnterpriseFlash' ? byDefault[family] : null;
  return { name: sku?.name ?? name, capacity: capacity ?? least };
}

/** What a database is created with. Throws ArmError when the request cannot be met. */
export function databaseFrom(body: DatabaseBody, version: ApiVersion): DatabaseSettings {
  return {
    clientProtocol: body.clientProtocol ?? 'Encrypted',
    port: body.port ?? DEFAULT_PORT,
    clusteringPolicy: body.clusteringPolicy ?? 'OSSCluster',
    evictionPolicy: body.evictionPolicy ?? 'VolatileLRU',
    persistence: persistenceFrom(body.persistence),
    modules: modulesFrom(body.modules),
    accessKeysAuthentication:
      body.accessKeysAuthentication ?? (version.keysAreOnByDefault ? 'Enabled' : 'Disabled'),
    deferUpgrade: body.deferUpgrade ?? 'NotDeferred',
  };
}

/** What an update makes of a database. Throws ArmError naming a field that only a creation can set. */
export function databaseChanged(now: DatabaseSettings, body: DatabaseBody): DatabaseSettings {
  const changed: DatabaseSettings = {
    ...now,
    clientProtocol: body.clientProtocol ?? now.clientProtocol,
    port: body.port ?? now.port,
    clusteringPolicy: body.clusteringPolicy ?? now.clusteringPolicy,
    evictionPolicy: body.evictionPolicy ?? now.evictionPolicy,
    persistence: body.persistence == null ? now.persistence : persistenceFrom(body.persistence),
    modules: body.modules == null ? now.modules : modulesFrom(body.modules),
    accessKeysAuthentication: body.accessKeysAuthentication ?? now.accessKeysAuthentication,
    deferUpgrade: body.deferUpgrade ?? now.deferUpgrade,
  };
  refuse([
    ...fixed('properties.port', String(now.port), String(changed.port)),
    ...fixed('properties.modules', moduleNames(now), moduleNames(changed)),
    ...(now.clusteringPolicy === 'NoCluster'
      ? []
      : fixed('properties.clusteringPolicy', now.clusteringPolicy, changed.clusteringPolicy)),
  ]);
  return changed;
}

/** Members of a group keep the port that their replicators know. */
export function checkSameProtocol(now: DatabaseSettings, wanted: DatabaseSettings): Violation[] {
  return fixed('properties.clientProtocol', now.clientProtocol, wanted.clientProtocol);
}

function fixed(field: string, now: string, wanted: string): Violation[] {
  if (now === wanted) return [];
  return [
    {
      rule: 'FixedAtCreation',
      requirement: 'R023',
      field,
      value: wanted,
      required: now,
      message: `${field} is '${now}' and is fixed when a database is created: it cannot become '${wanted}'.`,
    },
  ];
}

export function moduleNames({ modules }: Pick<DatabaseSettings, 'modules'>): string {
  return modules
    .map(({ name }) => name)
    .sort()
    .join(', ');
}

function modulesFrom(modules: DatabaseBody['modules']): DatabaseSettings['modules'] {
  const named = (modules ?? []).map(({ name, args }) => {
    const known = MODULE_NAMES.find((one) => one.toLowerCase() === name.toLowerCase());
    return { name: known ?? name, args: args ?? null };
  });
  for (const { name } of named) {
    if (MODULE_NAMES.some((known) => known === name)) continue;
    const message = `There is no module '${name}'. Modules are ${MODULE_NAMES.join(', ')}.`;
    throw badRequest(message, 'properties.modules');
  }
  return named;
}

function persistenceFrom(body: DatabaseBody['persistence']): DatabaseSettings['persistence'] {
  const aofEnabled = body?.aofEnabled ?? false;
  const rdbEnabled = body?.rdbEnabled ?? false;
  if (aofEnabled && rdbEnabled) {
    throw badRequest(
      'properties.persistence: aofEnabled is true and rdbEnabled is true, but only one of them can be.',
      'properties.persistence',
    );
  }
  return {
    aofEnabled,
    rdbEnabled,
    aofFrequency: aofEnabled ? (body?.aofFrequency ?? '1s') : null,
    rdbFrequency: rdbEnabled ? (body?.rdbFrequency ?? '1h') : null,
  };
}
