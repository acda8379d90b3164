// The database or the cache that a request is about, whichever of the two it is.

import { findCluster } from '../store/resources.ts';
import type { Db } from '../store/store.ts';
import { existingCache } from './caches.ts';
import { existingDatabase } from './databases.ts';
import type { ApiRequest } from './route.ts';

export interface Target {
  readonly id: string;
  readonly key: string;
  readonly subscription: string;
  readonly location: string;
  readonly isDatabase: boolean;
  readonly isRunning: boolean;
  /** It was a member of a group that does without it now. */
  readonly isUnlinked: boolean;
  readonly geoGroup: string | null;
}

/** Throws ArmError 404. */
export async function targetOf(db: Db, request: ApiRequest): Promise<Target> {
  if (request.params.cache !== undefined) {
    const cache = await existingCache(db, request);
    const isRunning = cache.hosting.runs.as !== 'nothing';
    const { location } = cache.settings;
    return { ...cache, location, isRunning, isDatabase: false, isUnlinked: false, geoGroup: null };
  }
  const database = await existingDatabase(db, request);
  const cluster = await findCluster(db, database.clusterKey);
  const { runs } = database.hosting;
  return {
    ...database,
    location: cluster?.settings.location ?? '',
    isDatabase: true,
    isRunning: runs.as !== 'nothing',
    isUnlinked: runs.as === 'member' && database.geoGroup === null,
  };
}
