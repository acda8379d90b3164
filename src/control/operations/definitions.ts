// All kinds of long-running operations.

import { changeAccess } from './access-operations.ts';
import * as cluster from './cluster-operations.ts';
import { type DataParts, exportOf, importOf } from './data-operations.ts';
import * as database from './database-operations.ts';
import type { Definitions } from './runner.ts';

export function operationDefinitions(parts: DataParts): Definitions {
  return {
    'create-cluster': cluster.createCluster(),
    'update-cluster': cluster.updateCluster(parts),
    'delete-cluster': cluster.deleteCluster(parts),
    'create-database': database.createDatabase(parts),
    'update-database': database.updateDatabase(parts),
    'delete-database': database.deleteDatabase(parts),
    'force-unlink': database.forceUnlink(parts),
    'force-link': database.forceLink(parts),
    flush: database.flushDatabase(parts),
    'create-cache': cluster.createCache(parts),
    'update-cache': cluster.updateCache(parts),
    'delete-cache': cluster.deleteCache(parts),
    'flush-cache': cluster.flushCache(parts),
    'delete-group': cluster.deleteResourceGroup(parts),
    'export-data': exportOf(parts),
    'import-data': importOf(parts),
    'change-access': changeAccess(parts),
    'reboot-cache': cluster.rebootCache(parts),
  };
}
