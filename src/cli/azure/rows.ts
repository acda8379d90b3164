// Clusters, databases and caches as lines of tables: what tells members of a group apart, side by side.

import { at, type Json, listAt, textAt } from './json.ts';
import type { Row } from './render.ts';

export function clusterRow(item: Json): Row {
  // A creation answers with the database.
  if (at(item, 'databases') === undefined && at(item, 'clientProtocol') !== undefined) {
    return databaseRow(item);
  }
  const database = at(item, 'databases', 0);
  const sku = [textAt(item, 'sku', 'name'), at(item, 'sku', 'capacity') ?? ''].join(' ').trim();
  const port = at(database, 'port');
  return {
    Name: textAt(item, 'name'),
    ResourceGroup: textAt(item, 'resourceGroup'),
    Location: textAt(item, 'location'),
    Sku: sku,
    State: textAt(item, 'resourceState'),
    HostName: textAt(item, 'hostName'),
    ...(database === undefined
      ? {}
      : { Port: port === undefined ? '' : String(port), ...geoCells(database) }),
  };
}

export function databaseRow(item: Json): Row {
  return {
    Cluster: clusterIn(textAt(item, 'id')),
    Name: textAt(item, 'name'),
    ResourceGroup: textAt(item, 'resourceGroup'),
    State: textAt(item, 'resourceState'),
    ClientProtocol: textAt(item, 'clientProtocol'),
    Port: String(at(item, 'port') ?? ''),
    EvictionPolicy: textAt(item, 'evictionPolicy'),
    AccessKeys: textAt(item, 'accessKeysAuthentication'),
    ...geoCells(item),
  };
}

export function cacheRow(item: Json): Row {
  const capacity = at(item, 'sku', 'capacity');
  const family = textAt(item, 'sku', 'family');
  return {
    Name: textAt(item, 'name'),
    ResourceGroup: textAt(item, 'resourceGroup'),
    Location: textAt(item, 'location'),
    Sku: `${textAt(item, 'sku', 'name')} ${family}${String(capacity ?? '')}`.trim(),
    State: textAt(item, 'provisioningState'),
    HostName: textAt(item, 'hostName'),
    SslPort: String(at(item, 'sslPort') ?? ''),
  };
}

function geoCells(database: Json): Row {
  const members = listAt(database, 'geoReplication', 'linkedDatabases').map(
    (one) => `${clusterIn(textAt(one, 'id'))} ${textAt(one, 'state')}`,
  );
  return {
    GroupNickname: textAt(database, 'geoReplication', 'groupNickname'),
    Members: members.join(', '),
  };
}

function clusterIn(id: string): string {
  return /\/redisEnterprise\/([^/]+)/i.exec(id)?.[1] ?? '';
}
