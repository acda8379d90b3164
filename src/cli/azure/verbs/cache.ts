// `atoll redis`: caches of the classes Basic, Standard and Premium.

import { type Command, InvalidArgumentError } from 'commander';
import { CACHE_VERSION as VERSION } from '../api-versions.ts';
import { needs } from '../enterprise-options.ts';
import type { JsonObject } from '../json.ts';
import { option } from '../options.ts';
import { cacheRow } from '../rows.ts';
import { pair, several, shorthand } from '../values.ts';
import { verb, verbs } from '../verb.ts';
import { groupLocation } from './cluster.ts';
import { keyCommands } from './keys.ts';

interface CreateOptions {
  readonly location?: string;
  readonly sku?: string;
  readonly vmSize?: { readonly family: string; readonly capacity: number };
  readonly enableNonSslPort?: boolean;
  readonly minimumTlsVersion?: string;
  readonly redisVersion?: string;
  readonly redisConfiguration?: JsonObject;
  readonly replicasPerMaster?: number;
  readonly shardCount?: number;
  readonly tags?: Readonly<Record<string, string>>;
  readonly zones?: readonly string[];
}

export function cacheCommand(): Command {
  return verbs('redis', 'caches of Basic, Standard and Premium, as `az redis`', [
    createCommand(),
    ...readingCommands(),
    ...keyCommands({ target: 'cache', regenerate: 'regenerate-keys', version: VERSION }),
    ...dataCommands(),
    verb<{ readonly rebootType?: string }>({
      ...{ name: 'force-reboot', target: 'cache', destroys: 'restart nodes of the cache' },
      about: 'restart nodes of a cache',
      options: [
        option('--reboot-type <word>', 'which', {
          choices: ['PrimaryNode', 'SecondaryNode', 'AllNodes'],
        }),
      ],
      check: ({ rebootType }) => needs(rebootType, '--reboot-type'),
      run: async ({ client }, { id }, { rebootType = '' }) =>
        await client.begin({
          ...{ method: 'POST', path: `${id}/forceReboot`, version: VERSION, body: { rebootType } },
        }),
    }),
    verb({
      name: 'delete',
      about: 'delete a cache',
      target: 'cache',
      destroys: 'delete the cache and its data',
      isLong: true,
      run: async ({ client }, { id }, { wait }) => {
        const request = { method: 'DELETE', path: id, version: VERSION } as const;
        await (wait === false ? client.begin(request) : client.finish(request));
        return undefined;
      },
    }),
    verb({
      name: 'flush',
      about: 'remove all keys of a cache',
      target: 'cache',
      destroys: 'remove all keys of the cache',
      isLong: true,
      run: async ({ client }, { id }, { wait }) => {
        const request = { method: 'POST', path: `${id}/flush`, version: VERSION } as const;
        await (wait === false ? client.begin(request) : client.finish(request));
        return undefined;
      },
    }),
  ]);
}

function createCommand(): Command {
  return verb<CreateOptions>({
    name: 'create',
    about: 'create a cache',
    target: 'cache',
    isChange: true,
    isLong: true,
    options: [
      option('-l, --location <region>', 'such as "East US" or eastus'),
      option('--sku <name>', 'Basic, Standard or Premium'),
      option('--vm-size <size>', 'c0 to c6, p1 to p5', { parse: vmSize }),
      option('--enable-non-ssl-port', 'clients connect without TLS'),
      option('--minimum-tls-version <version>', '1.2'),
      option('--redis-version <version>', 'of the engine'),
      option(
        '--redis-configuration <json>',
        'settings such as {"maxmemory-policy":"allkeys-lru"}',
        {
          parse: configuration,
        },
      ),
      option('--replicas-per-master <n>', 'replicas of each primary', { parse: Number }),
      option('--shard-count <n>', 'shards', { parse: Number }),
      option('--tags <name=value...>', 'tags', { parse: pair }),
      option('-z, --zones <zone...>', 'availability zones', { parse: several }),
    ],
    check: ({ sku, vmSize }) => {
      needs(sku, '--sku');
      needs(vmSize, '--vm-size');
    },
    row: cacheRow,
    run: async ({ client }, target, options) => {
      const location = options.location ?? (await groupLocation(client, target));
      const body = cacheBody(options, location);
      const request = { method: 'PUT', path: target.id, version: VERSION, body } as const;
      if (options.wait !== false) return await client.finish(request);
      await client.begin(request);
      return undefined;
    },
  });
}

function readingCommands(): Command[] {
  return [
    verb({
      ...{ name: 'list', about: 'list caches', target: 'none' },
      options: [option('-g, --resource-group <name>', 'only those of a resource group')],
      row: cacheRow,
      run: async ({ client }, { id }) => {
        return await client.list(`${id}/providers/Microsoft.Cache/redis`, VERSION);
      },
    }),
    verb({
      ...{ name: 'show', about: 'show a cache; without keys', target: 'cache' },
      row: cacheRow,
      run: async ({ client }, { id }) => await client.get(id, VERSION),
    }),
  ];
}

interface DataOptions {
  readonly prefix?: string;
  readonly container?: string;
  readonly files?: readonly string[];
}

function dataCommands(): Command[] {
  return [
    verb<DataOptions>({
      ...{ name: 'export', about: 'write all data to files', target: 'cache' },
      ...{ isChange: true, isLong: true },
      options: [
        option('--prefix <text>', 'with which the names of the files begin'),
        option('--container <uri>', 'folder or container to write to'),
      ],
      check: ({ prefix, container }) => {
        needs(prefix, '--prefix');
        needs(container, '--container');
      },
      run: async ({ client }, { id }, { prefix = '', container = '', wait }) => {
        const body = { prefix, container };
        const request = { method: 'POST', path: `${id}/export`, version: VERSION, body } as const;
        await (wait === false ? client.begin(request) : client.finish(request));
        return undefined;
      },
    }),
    verb<DataOptions>({
      ...{ name: 'import', about: 'read data from files', target: 'cache', isLong: true },
      destroys: 'replace the data of the cache by that of the files',
      options: [option('--files <uri...>', 'files to read', { parse: several })],
      check: ({ files }) => needs(files, '--files'),
      run: async ({ client }, { id }, { files = [], wait }) => {
        const body = { files: [...files] };
        const request = { method: 'POST', path: `${id}/import`, version: VERSION, body } as const;
        await (wait === false ? client.begin(request) : client.finish(request));
        return undefined;
      },
    }),
  ];
}

function cacheBody(options: CreateOptions, location: string): JsonObject {
  const { sku = '', vmSize: size, tags, zones } = options;
  const properties: JsonObject = {
    sku: { name: sku, family: size?.family ?? 'C', capacity: size?.capacity ?? 0 },
    enableNonSslPort: options.enableNonSslPort === true,
  };
  const { minimumTlsVersion, redisVersion, redisConfiguration } = options;
  const { replicasPerMaster, shardCount } = options;
  const more = {
    minimumTlsVersion,
    redisVersion,
    redisConfiguration,
    replicasPerMaster,
    shardCount,
  };
  for (const [name, value] of Object.entries(more)) {
    if (value !== undefined) properties[name] = value;
  }
  return {
    location,
    properties,
    ...(tags === undefined ? {} : { tags: { ...tags } }),
    ...(zones === undefined ? {} : { zones: [...zones] }),
  };
}

/** The class is a part of the size: c1 is Basic or Standard, p1 is Premium. */
function vmSize(text: string): { family: string; capacity: number } {
  const [, family, capacity] = /^([cp])([0-6])$/i.exec(text) ?? [];
  if (family !== undefined) return { family: family.toUpperCase(), capacity: Number(capacity) };
  throw new InvalidArgumentError('It must be one of c0 to c6, p1 to p5.');
}

function configuration(text: string): JsonObject {
  const value = shorthand(text);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new InvalidArgumentError('It must be a JSON object.');
}
