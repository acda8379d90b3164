// Options of clusters and databases, and the bodies of requests that they become.

import { InvalidArgumentError, type Option } from 'commander';
import { portNumber, wholeNumber } from '../arguments.ts';
import type { JsonObject } from './json.ts';
import { option } from './options.ts';
import { objects, pair, settings, several } from './values.ts';

export interface ClusterOptions {
  readonly location?: string;
  readonly sku?: string;
  readonly capacity?: number;
  readonly zones?: readonly string[];
  readonly tags?: Readonly<Record<string, string>>;
  readonly minimumTlsVersion?: string;
  readonly highAvailability?: string;
  readonly publicNetworkAccess?: string;
}

export interface DatabaseOptions {
  readonly clientProtocol?: string;
  readonly port?: number;
  readonly clusteringPolicy?: string;
  readonly evictionPolicy?: string;
  readonly persistence?: JsonObject;
  readonly modules?: readonly JsonObject[];
  readonly accessKeysAuth?: string;
  readonly deferUpgrade?: string;
  readonly groupNickname?: string;
  readonly linkedDatabases?: readonly JsonObject[];
}

/** Of a cluster that is there already. */
export function clusterUpdateOptions(): Option[][] {
  return [
    option('--sku <name>', 'such as Enterprise_E10 or Balanced_B10'),
    option('--capacity <n>', 'of Enterprise_* and EnterpriseFlash_*', { parse: wholeNumber }),
    option('--tags <name=value...>', 'tags', { parse: pair }),
    option('--minimum-tls-version <version>', '1.2'),
    option('--high-availability <word>', 'Enabled or Disabled'),
    option('--public-network-access <word>', 'Enabled or Disabled'),
  ];
}

export function clusterOptions(): Option[][] {
  return [
    option('-l, --location <region>', 'such as "East US" or eastus'),
    ...clusterUpdateOptions(),
    option('-z, --zones <zone...>', 'availability zones', { parse: several }),
  ];
}

export function clusterBody(options: ClusterOptions): JsonObject {
  const { location, sku, capacity, zones, tags } = options;
  const { minimumTlsVersion, highAvailability, publicNetworkAccess } = options;
  const properties = given({ minimumTlsVersion, highAvailability, publicNetworkAccess });
  return {
    ...given({ location, zones: zones === undefined ? undefined : [...zones] }),
    ...(tags === undefined ? {} : { tags }),
    ...(sku === undefined ? {} : { sku: { name: sku, ...given({ capacity }) } }),
    ...(Object.keys(properties).length === 0 ? {} : { properties }),
  };
}

export function databaseUpdateOptions(): Option[][] {
  return [
    option('--client-protocol <word>', 'Encrypted or Plaintext'),
    option('--eviction-policy <word>', 'such as NoEviction, AllKeysLRU, VolatileTTL'),
    option('--persistence <name=value...>', 'aof-enabled, aof-frequency, rdb-enabled, ...', {
      parse: settings(['aofEnabled', 'aofFrequency', 'rdbEnabled', 'rdbFrequency']),
    }),
    option('--access-keys-auth <word>', 'whether access keys let clients in: Enabled or Disabled', {
      spellings: ['--access-keys-authentication'],
    }),
    option('--defer-upgrade <word>', 'Deferred or NotDeferred'),
  ];
}

export function geoOptions(): Option[][] {
  return [
    option('--group-nickname <name>', 'geo-replication group'),
    option('--linked-databases <id=ID...>', 'every member, the new one too; repeat for more', {
      spellings: ['--linked-database'],
      // As `show` prints them: only the ids count.
      parse: objects('id', ['id', 'state', 'resourceGroup']),
    }),
  ];
}

export function databaseOptions(): Option[][] {
  return [
    ...databaseUpdateOptions(),
    option('--port <port>', 'for clients; default: 10000', { parse: portNumber }),
    option('--clustering-policy <word>', 'EnterpriseCluster, OSSCluster or NoCluster'),
    option('--modules <name=NAME...>', 'a module, and args=... for it; repeat for more', {
      spellings: ['--module', '--mods'],
      parse: objects('name', ['name', 'args']),
    }),
    ...geoOptions(),
  ];
}

export function databaseBody(options: DatabaseOptions): JsonObject {
  const { clientProtocol, port, clusteringPolicy, evictionPolicy, persistence } = options;
  const { accessKeysAuth, deferUpgrade, modules } = options;
  const geoReplication = geoBody(options);
  return {
    properties: given({
      ...{ clientProtocol, port, clusteringPolicy, evictionPolicy, persistence, deferUpgrade },
      accessKeysAuthentication: accessKeysAuth,
      modules: modules === undefined ? undefined : [...modules],
      geoReplication: Object.keys(geoReplication).length === 0 ? undefined : geoReplication,
    }),
  };
}

export function geoBody({ groupNickname, linkedDatabases }: DatabaseOptions): JsonObject {
  return given({
    groupNickname,
    linkedDatabases: linkedDatabases?.map(({ id = '' }) => ({ id })),
  });
}

/** Throws InvalidArgumentError. */
export function needs(value: unknown, flags: string): void {
  if (value !== undefined) return;
  throw new InvalidArgumentError(`the following arguments are required: ${flags}`);
}

/** Throws InvalidArgumentError when there are options of a database that is not to be made. */
export function checkCreation(
  options: ClusterOptions & DatabaseOptions & { database?: boolean },
): void {
  needs(options.sku, '--sku');
  if (options.database !== false) return;
  const properties = databaseBody(options).properties;
  const [first] = Object.keys(Object(properties));
  if (first === undefined) return;
  throw new InvalidArgumentError(`--no-database does not go with options of a database (${first})`);
}

type Given = Readonly<Record<string, JsonObject[string] | undefined>>;

/** Without what was not given. */
function given(values: Given): JsonObject {
  const found: JsonObject = {};
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined) found[name] = value;
  }
  return found;
}
