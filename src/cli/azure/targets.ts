// What a command is about: a resource group, a cluster, its database, a cache. Each is named by its group and its
// name, or by its id.

import { InvalidArgumentError, type Option } from 'commander';
import {
  cacheId,
  clusterId,
  databaseId,
  groupId,
  isCacheName,
  isEnterpriseName,
  isResourceGroupName,
} from '../../control/model/resource-id.ts';
import { option } from './options.ts';

export interface Target {
  readonly kind: 'none' | 'group' | 'cluster' | 'database' | 'cache';
  /** As it is called in questions and in progress. */
  readonly name: string;
  readonly subscription: string;
  /** Empty where none was named. */
  readonly resourceGroup: string;
  /** Of the resource; also its address. */
  readonly id: string;
  /** Of the cluster, for a database. */
  readonly clusterId: string;
}

interface Named {
  readonly ids?: string;
  readonly subscription?: string;
  readonly resourceGroup?: string;
  readonly name?: string;
  readonly clusterName?: string;
  readonly databaseName?: string;
}

const GROUP = () => option('-g, --resource-group <name>', 'resource group');
const IDS = () => option('--ids <id>', 'id of the resource, instead of its group and name');
const CLUSTER = () => option('-n, --cluster-name <name>', 'cluster', { spellings: ['--name'] });
const DATABASE = () => option('--database-name <name>', 'database; default: default');

export function targetOptions(kind: Target['kind'], hasIds: boolean): Option[] {
  const ids = hasIds ? IDS() : [];
  switch (kind) {
    case 'none':
      return [];
    case 'group':
      return option('-n, --name <name>', 'resource group', {
        spellings: ['--resource-group', '-g'],
      });
    case 'cluster':
      return [...CLUSTER(), ...GROUP(), ...ids];
    case 'database':
      return [...CLUSTER(), ...GROUP(), ...DATABASE(), ...ids];
    case 'cache':
      return [...option('-n, --name <name>', 'cache'), ...GROUP(), ...ids];
  }
}

/** Throws InvalidArgumentError when it is not named. `own` is the subscription of the login. */
export function targetOf(kind: Target['kind'], given: Named, own: string): Target {
  const target =
    given.ids !== undefined && kind !== 'none' && kind !== 'group'
      ? identified(kind, given.ids)
      : named(kind, given, own);
  checkNames(target);
  return target;
}

function named(kind: Target['kind'], given: Named, own: string): Target {
  const subscription = given.subscription ?? own;
  const resourceGroup = (kind === 'group' ? given.name : given.resourceGroup) ?? '';
  const needed = kind === 'group' ? '--name/-n' : '--resource-group/-g';
  if (kind !== 'none' && resourceGroup === '') throw missing(needed);
  const path = { subscription, resourceGroup };
  const common = { kind, subscription, resourceGroup, clusterId: '' };
  switch (kind) {
    case 'none':
      // What is listed: all of it, or what is in a resource group.
      return {
        ...common,
        name: '',
        id: resourceGroup === '' ? `/subscriptions/${subscription}` : groupId(path),
      };
    case 'group':
      return { ...common, name: resourceGroup, id: groupId(path) };
    case 'cache': {
      const cache = given.name ?? '';
      if (cache === '') throw missing('--name/-n');
      return { ...common, name: cache, id: cacheId({ ...path, cache }) };
    }
    default: {
      const cluster = given.clusterName ?? '';
      if (cluster === '') throw missing('--cluster-name/-n');
      return enterprise(kind, { ...path, cluster, database: given.databaseName ?? 'default' });
    }
  }
}

function identified(kind: 'cluster' | 'database' | 'cache', id: string): Target {
  const parts = RESOURCE_ID.exec(id) ?? [];
  const [, subscription = '', resourceGroup = '', type = '', name = '', database = ''] = parts;
  const isCache = type.toLowerCase() === 'redis';
  if (subscription === '' || isCache !== (kind === 'cache')) {
    throw new InvalidArgumentError(`--ids: ${id} is no id of a ${kind}.`);
  }
  if (kind === 'cache') {
    const own = cacheId({ subscription, resourceGroup, cache: name });
    return { kind, subscription, resourceGroup, clusterId: '', name, id: own };
  }
  const path = { subscription, resourceGroup, cluster: name, database: database || 'default' };
  return enterprise(kind, path);
}

const RESOURCE_ID =
  /^\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/providers\/Microsoft\.Cache\/(redisEnterprise|redis)\/([^/]+)(?:\/databases\/([^/]+))?\/?$/i;

/** They become part of an address. */
function checkNames({ kind, resourceGroup, name, id }: Target): void {
  const names: [string, string, boolean][] = [
    ['resource group', resourceGroup, resourceGroup === '' || isResourceGroupName(resourceGroup)],
  ];
  if (kind === 'cache') names.push(['cache', name, isCacheName(name)]);
  if (kind === 'cluster' || kind === 'database') {
    names.push(['cluster', name, isEnterpriseName(name)]);
  }
  if (kind === 'database') {
    const database = id.slice(id.lastIndexOf('/') + 1);
    names.push(['database', database, isEnterpriseName(database)]);
  }
  for (const [what, given, isSound] of names) {
    if (!isSound) throw new InvalidArgumentError(`'${given}' can be no name of a ${what}.`);
  }
}

function enterprise(
  kind: 'cluster' | 'database',
  path: { subscription: string; resourceGroup: string; cluster: string; database: string },
): Target {
  const { subscription, resourceGroup, cluster: name } = path;
  const id = kind === 'cluster' ? clusterId(path) : databaseId(path);
  return { kind, subscription, resourceGroup, name, id, clusterId: clusterId(path) };
}

function missing(flags: string): InvalidArgumentError {
  return new InvalidArgumentError(`the following arguments are required: ${flags}`);
}
