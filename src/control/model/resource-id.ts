// Names of resources and their ids: /subscriptions/S/resourceGroups/G/providers/Microsoft.Cache/... Segments
// compare without regard to case; ids keep the case in which their names were given.

export interface GroupPath {
  readonly subscription: string;
  readonly resourceGroup: string;
}

export interface ClusterPath extends GroupPath {
  readonly cluster: string;
}

export interface DatabasePath extends ClusterPath {
  readonly database: string;
}

export interface CachePath extends GroupPath {
  readonly cache: string;
}

const RESOURCE_GROUP = /^[-\w.()]{0,89}[-\w()]$/;
const ENTERPRISE_NAME = /^(?=.{1,60}$)[A-Za-z0-9]+(-[A-Za-z0-9]+)*$/;
const CACHE_NAME = /^(?=.{1,63}$)([A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9]|[A-Za-z0-9])$/;
const PART_NAME = /^[A-Za-z0-9]([\w -]{0,61}[A-Za-z0-9])?$/;
const SUBSCRIPTION = /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/;

export const isSubscriptionId = (text: string): boolean => SUBSCRIPTION.test(text);
export const isResourceGroupName = (text: string): boolean => RESOURCE_GROUP.test(text);
/** Of a cluster, and of a database in one. */
export const isEnterpriseName = (text: string): boolean => ENTERPRISE_NAME.test(text);
/** Of what belongs to a database or a cache. */
export const isPartName = (text: string): boolean => PART_NAME.test(text);
export const isCacheName = (text: string): boolean => CACHE_NAME.test(text);

export const CLUSTER_TYPE = 'Microsoft.Cache/redisEnterprise';
export const DATABASE_TYPE = 'Microsoft.Cache/redisEnterprise/databases';
export const CACHE_TYPE = 'Microsoft.Cache/Redis';

export function groupId({ subscription, resourceGroup }: GroupPath): string {
  return `/subscriptions/${subscription}/resourceGroups/${resourceGroup}`;
}

export function clusterId(path: ClusterPath): string {
  return `${groupId(path)}/providers/${CLUSTER_TYPE}/${path.cluster}`;
}

export function databaseId(path: DatabasePath): string {
  return `${clusterId(path)}/databases/${path.database}`;
}

export function cacheId(path: CachePath): string {
  return `${groupId(path)}/providers/${CACHE_TYPE}/${path.cache}`;
}

const DATABASE_ID =
  /^\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/providers\/Microsoft\.Cache\/redisEnterprise\/([^/]+)\/databases\/([^/]+)\/?$/i;

/** The parts of a database's id; null when it is none. */
export function parseDatabaseId(text: string): DatabasePath | null {
  const [, subscription = '', resourceGroup = '', cluster = '', database = ''] =
    DATABASE_ID.exec(text) ?? [];
  const isSound =
    isSubscriptionId(subscription) &&
    isResourceGroupName(resourceGroup) &&
    isEnterpriseName(cluster) &&
    isEnterpriseName(database);
  return isSound ? { subscription, resourceGroup, cluster, database } : null;
}

/** What is the same for all spellings of an id. */
export function keyOf(id: string): string {
  return id.toLowerCase().replace(/\/$/, '');
}

/** The id of what an id is part of, as a scope of rights: each of its own ancestors, itself first. */
export function scopesOf(id: string): string[] {
  const key = keyOf(id);
  const scopes = [key];
  for (let at = key.lastIndexOf('/'); at > 0; at = key.lastIndexOf('/', at - 1)) {
    scopes.push(key.slice(0, at));
  }
  return [...scopes, '/'];
}
