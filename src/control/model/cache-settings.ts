// Caches of the classes Basic, Standard and Premium (Microsoft.Cache/Redis): what a request may say, and what
// follows from it.

import { z } from 'zod';
import { badRequest, refuse } from './arm-error.ts';
import { locationNamed } from './locations.ts';
import { type CacheFamily, cacheSizeGB } from './skus.ts';

const CLASSES = ['Basic', 'Standard', 'Premium'] as const;
const onOff = z.enum(['Enabled', 'Disabled']);
/** Keys of a cache's configuration are the client's; values are strings. */
const configuration = z.record(z.string().max(100), z.unknown());

const sku = z.object({
  name: z.string().max(30),
  family: z.string().max(5),
  capacity: z.int(),
});

const properties = z.object({
  sku,
  redisConfiguration: configuration.nullish(),
  redisVersion: z.string().max(20).nullish(),
  enableNonSslPort: z.boolean().nullish(),
  replicasPerMaster: z.int().min(0).max(3).nullish(),
  replicasPerPrimary: z.int().min(0).max(3).nullish(),
  tenantSettings: z.record(z.string(), z.string()).nullish(),
  shardCount: z.int().min(0).max(30).nullish(),
  minimumTlsVersion: z.string().max(5).nullish(),
  publicNetworkAccess: onOff.nullish(),
  disableAccessKeyAuthentication: z.boolean().nullish(),
  updateChannel: z.enum(['Stable', 'Preview']).nullish(),
});

const shell = {
  tags: z.record(z.string(), z.string()).nullish(),
  zones: z.array(z.string().max(10)).max(3).nullish(),
  identity: z.record(z.string(), z.unknown()).nullish(),
};

export const cacheBody = z.object({ location: z.string().min(1).max(60), ...shell, properties });
export const cachePatch = z.object({
  ...shell,
  properties: properties.partial().nullish(),
});

export const cacheSettings = z.object({
  location: z.string(),
  tags: z.record(z.string(), z.string()),
  zones: z.array(z.string()).nullable(),
  identity: z.record(z.string(), z.unknown()).nullable(),
  sku: z.object({
    name: z.enum(CLASSES),
    family: z.enum(['C', 'P']),
    capacity: z.number(),
  }),
  redisConfiguration: configuration,
  redisVersion: z.string().nullable(),
  enableNonSslPort: z.boolean(),
  replicasPerPrimary: z.number(),
  tenantSettings: z.record(z.string(), z.string()),
  shardCount: z.number().nullable(),
  minimumTlsVersion: z.string(),
  publicNetworkAccess: onOff,
  disableAccessKeyAuthentication: z.boolean(),
  updateChannel: z.string(),
});

export type CacheSettings = z.infer<typeof cacheSettings>;

/** Throws ArmError when there is no such cache. */
export function cacheFrom(body: z.infer<typeof cacheBody>): CacheSettings {
  const wanted = body.properties;
  const settings: CacheSettings = {
    location: locationNamed(body.location),
    tags: body.tags ?? {},
    zones: body.zones ?? null,
    identity: body.identity ?? null,
    sku: skuFrom(wanted.sku),
    redisConfiguration: wanted.redisConfiguration ?? {},
    redisVersion: wanted.redisVersion ?? null,
    enableNonSslPort: wanted.enableNonSslPort ?? false,
    replicasPerPrimary: wanted.replicasPerPrimary ?? wanted.replicasPerMaster ?? 1,
    tenantSettings: wanted.tenantSettings ?? {},
    shardCount: wanted.shardCount ?? null,
    minimumTlsVersion: wanted.minimumTlsVersion ?? '1.2',
    publicNetworkAccess: wanted.publicNetworkAccess ?? 'Enabled',
    disableAccessKeyAuthentication: wanted.disableAccessKeyAuthentication ?? false,
    updateChannel: wanted.updateChannel ?? 'Stable',
  };
  checkClass(settings);
  return settings;
}

export function cacheChanged(now: CacheSettings, patch: z.infer<typeof cachePatch>): CacheSettings {
  const wanted = patch.properties ?? {};
  const replicas = wanted.replicasPerPrimary ?? wanted.replicasPerMaster;
  const changed: CacheSettings = {
    ...now,
    tags: patch.tags ?? now.tags,
    identity: patch.identity ?? now.identity,
    sku: wanted.sku == null ? now.sku : skuFrom(wanted.sku),
    redisConfiguration: { ...now.redisConfiguration, ...wanted.redisConfiguration },
    redisVersion: wanted.redisVersion ?? now.redisVersion,
    enableNonSslPort: wanted.enableNonSslPort ?? now.enableNonSslPort,
    replicasPerPrimary: replicas ?? now.replicasPerPrimary,
    tenantSettings: wanted.tenantSettings ?? now.tenantSettings,
    shardCount: wanted.shardCount ?? now.shardCount,
    minimumTlsVersion: wanted.minimumTlsVersion ?? now.minimumTlsVersion,
    publicNetworkAccess: wanted.publicNetworkAccess ?? now.publicNetworkAccess,
    disableAccessKeyAuthentication:
      wanted.disableAccessKeyAuthentication ?? now.disableAccessKeyAuthentication,
    updateChannel: wanted.updateChannel ?? now.updateChannel,
  };
  checkClass(changed);
  return changed;
}

function skuFrom({ name, family, capacity }: z.infer<typeof sku>): CacheSettings['sku'] {
  const known = CLASSES.find((one) => one.toLowerCase() === name.toLowerCase());
  if (known === undefined) {
    throw badRequest(
      `There is no class '${name}': sku.name is one of ${CLASSES.join(', ')}.`,
      'properties.sku.name',
    );
  }
  const right: CacheFamily = known === 'Premium' ? 'P' : 'C';
  if (family.toUpperCase() !== right) {
    throw badRequest(
      `sku.family is '${family}', but that of class ${known} is '${right}'.`,
      'properties.sku.family',
    );
  }
  if (cacheSizeGB(right, capacity) === null) {
    const range = right === 'P' ? '1 to 5' : '0 to 6';
    throw badRequest(
      `sku.capacity is ${capacity}, but that of family ${right} is ${range}.`,
      'properties.sku.capacity',
    );
  }
  return { name: known, family: right, capacity };
}

/** What only Premium has. */
function checkClass({ sku: { name }, shardCount, redisConfiguration }: CacheSettings): void {
  if (name === 'Premium') return;
  const only = (field: string, value: string | number) => ({
    rule: 'PremiumOnly',
    requirement: 'R088',
    field,
    value,
    required: 'Premium',
    message: `${field} is ${value}, which only class 'Premium' has, and sku.name is '${name}'.`,
  });
  refuse([
    ...(shardCount === null || shardCount === 0 ? [] : [only('properties.shardCount', shardCount)]),
    ...['rdb-backup-enabled', 'aof-backup-enabled']
      .filter((key) => String(redisConfiguration[key]) === 'true')
      .map((key) => only(`properties.redisConfiguration.${key}`, 'true')),
  ]);
}
