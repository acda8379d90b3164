// The bodies of requests on clusters and databases, as far as they mean something here. Names that are not known
// are left out, as Azure does; what is known has the right type or the request is refused.

import { z } from 'zod';
import { ArmError } from './arm-error.ts';

const tags = z
  .record(z.string().min(1).max(512), z.string().max(256))
  .refine((all) => Object.keys(all).length <= 50, 'at most 50 tags');

/** One of these words, whatever its case; as it is written here. */
function word<const Words extends readonly [string, ...string[]]>(words: Words) {
  return z.preprocess((given) => {
    if (typeof given !== 'string') return given;
    return words.find((one) => one.toLowerCase() === given.toLowerCase()) ?? given;
  }, z.enum(words));
}

export const EVICTION_POLICIES = [
  'AllKeysLFU',
  'AllKeysLRU',
  'AllKeysRandom',
  'VolatileLRU',
  'VolatileLFU',
  'VolatileTTL',
  'VolatileRandom',
  'NoEviction',
] as const;
export const CLUSTERING_POLICIES = ['EnterpriseCluster', 'OSSCluster', 'NoCluster'] as const;
export const CLIENT_PROTOCOLS = ['Encrypted', 'Plaintext'] as const;
const ON_OFF = ['Enabled', 'Disabled'] as const;

const identity = z.object({
  type: z.string().max(60),
  userAssignedIdentities: z.record(z.string().max(500), z.unknown()).nullish(),
});

const sku = z.object({ name: z.string().min(1).max(60), capacity: z.int().nullish() });

const clusterProperties = z.object({
  minimumTlsVersion: word(['1.0', '1.1', '1.2']).nullish(),
  highAvailability: word(ON_OFF).nullish(),
  publicNetworkAccess: word(ON_OFF).nullish(),
  encryption: z
    .object({ customerManagedKeyEncryption: z.record(z.string(), z.unknown()).nullish() })
    .nullish(),
});

export const clusterBody = z.object({
  location: z.string().min(1).max(60),
  tags: tags.nullish(),
  sku,
  zones: z.array(z.string().max(10)).max(3).nullish(),
  identity: identity.nullish(),
  properties: clusterProperties.nullish(),
});

export const clusterPatch = z.object({
  sku: sku.nullish(),
  tags: tags.nullish(),
  identity: identity.nullish(),
  properties: clusterProperties.nullish(),
});

const linkedDatabases = z
  .array(z.object({ id: z.string().min(1).max(500) }))
  .max(50, 'at most 50 entries');

const persistence = z.object({
  aofEnabled: z.boolean().nullish(),
  rdbEnabled: z.boolean().nullish(),
  aofFrequency: word(['1s', 'always']).nullish(),
  rdbFrequency: word(['1h', '6h', '12h']).nullish(),
});

const databaseProperties = z.object({
  clientProtocol: word(CLIENT_PROTOCOLS).nullish(),
  port: z.int().min(1).max(65_535).nullish(),
  clusteringPolicy: word(CLUSTERING_POLICIES).nullish(),
  evictionPolicy: word(EVICTION_POLICIES).nullish(),
  persistence: persistence.nullish(),
  modules: z
    .array(z.object({ name: z.string().min(1).max(60), args: z.string().max(500).nullish() }))
    .max(10)
    .nullish(),
  geoReplication: z
    .object({
      groupNickname: z.string().min(1).max(256).nullish(),
      linkedDatabases: linkedDatabases.nullish(),
    })
    .nullish(),
  accessKeysAuthentication: word(ON_OFF).nullish(),
  deferUpgrade: word(['Deferred', 'NotDeferred']).nullish(),
});

export const databaseBody = z.object({ properties: databaseProperties.nullish() });

export const keyTypeBody = z.object({ keyType: word(['Primary', 'Secondary']) });
const ids = z.array(z.string().min(1).max(500)).max(50);
export const forceUnlinkBody = z.object({ ids });
export const flushBody = z.object({ ids: ids.nullish() }).nullish();
export const forceLinkBody = z.object({
  geoReplication: z.object({
    groupNickname: z.string().min(1).max(256).nullish(),
    linkedDatabases,
  }),
});
export const resourceGroupBody = z.object({
  location: z.string().min(1).max(60),
  tags: tags.nullish(),
});

export type ClusterBody = z.infer<typeof clusterBody>;
export type ClusterPatch = z.infer<typeof clusterPatch>;
export type DatabaseBody = z.infer<typeof databaseProperties>;

/** Throws ArmError that names the first field that is not as it should be. */
export function decodeBody<Schema extends z.ZodType>(
  schema: Schema,
  body: unknown,
): z.output<Schema> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const details = parsed.error.issues.slice(0, 10).map((issue) => ({
    code: 'InvalidField',
    target: issue.path.map(String).join('.') || 'body',
    message: issue.message,
  }));
  const [first] = details;
  if (first?.target === 'location') {
    const message = 'The location property is required for this definition.';
    throw new ArmError(400, 'LocationRequired', message, { target: 'location', details });
  }
  const message = `The request body is not valid: ${first?.target}: ${first?.message}`;
  throw new ArmError(400, 'InvalidRequestBody', message, { target: first?.target, details });
}
