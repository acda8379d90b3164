// The hosts as they are stored, and the tokens that were used.

import type { Selectable } from 'kysely';
import { z } from 'zod';
import type { Change, Db } from '../store/store.ts';
import type { HostsTable } from '../store/tables.ts';

export interface HostRecord {
  readonly name: string;
  readonly region: string;
  readonly address: string;
  readonly port: number;
  readonly memoryBytes: number;
  readonly engineVersion: string;
  /** By the names of the API. */
  readonly modules: readonly string[];
  /** Of its key: who comes under its name with another one is somebody else. */
  readonly keyFingerprint: string;
  readonly enrolledMs: number;
  readonly lastSeenMs: number;
}

export async function allHosts(db: Db): Promise<HostRecord[]> {
  const rows = await db.selectFrom('hosts').selectAll().orderBy('name').execute();
  return rows.map(readHost);
}

export async function findHost(db: Db, name: string): Promise<HostRecord | undefined> {
  const query = db.selectFrom('hosts').selectAll().where('name', '=', name);
  const row = await query.executeTakeFirst();
  return row === undefined ? undefined : readHost(row);
}

/** Replaces what is stored under its name. */
export async function writeHost(db: Db, host: HostRecord): Promise<void> {
  const row = {
    name: host.name,
    region: host.region,
    address: host.address,
    port: host.port,
    memory_bytes: host.memoryBytes,
    engine_version: host.engineVersion,
    modules: JSON.stringify(host.modules),
    key_fingerprint: host.keyFingerprint,
    enrolled_ms: host.enrolledMs,
    last_seen_ms: host.lastSeenMs,
  };
  await db
    .insertInto('hosts')
    .values(row)
    .onConflict((conflict) => conflict.column('name').doUpdateSet(row))
    .execute();
}

/** What it reported; nothing comes of it when it was forgotten meanwhile. */
export async function updateHost(db: Db, host: HostRecord): Promise<void> {
  await db
    .updateTable('hosts')
    .set({
      memory_bytes: host.memoryBytes,
      engine_version: host.engineVersion,
      modules: JSON.stringify(host.modules),
      last_seen_ms: host.lastSeenMs,
    })
    .where('name', '=', host.name)
    .execute();
}

export async function deleteHost(db: Db, name: string): Promise<void> {
  await db.deleteFrom('hosts').where('name', '=', name).execute();
}

/** Whether this is its first use. Those that have expired are forgotten: they are refused in any case. */
export async function useToken(
  change: Change,
  token: { readonly nonce: string; readonly expiresMs: number },
  nowMs: number,
): Promise<boolean> {
  await change.deleteFrom('used_host_tokens').where('expires_ms', '<', nowMs).execute();
  const { nonce, expiresMs } = token;
  const query = change.selectFrom('used_host_tokens').select('nonce').where('nonce', '=', nonce);
  if ((await query.executeTakeFirst()) !== undefined) return false;
  await change.insertInto('used_host_tokens').values({ nonce, expires_ms: expiresMs }).execute();
  return true;
}

/** Ids of clusters and caches whose place is there. */
export async function placedOn(db: Db, host: string): Promise<string[]> {
  const rows = await db
    .selectFrom('resources')
    .select(['id', 'hosting'])
    .where('type', 'in', ['cluster', 'cache'])
    .orderBy('key')
    .execute();
  return rows
    .filter(({ hosting }) => 'host' in hosting && hosting.host === host)
    .map(({ id }) => id);
}

/** Where an engine was placed; null: on the machine of the control plane, or nowhere. */
export async function hostOfRuntime(db: Db, runtime: string): Promise<string | null> {
  const rows = await db
    .selectFrom('resources')
    .select('hosting')
    .where('type', 'in', ['database', 'cache'])
    .execute();
  for (const { hosting } of rows) {
    if (!('runtime' in hosting) || hosting.runtime !== runtime) continue;
    return 'host' in hosting && typeof hosting.host === 'string' ? hosting.host : null;
  }
  return null;
}

function readHost(row: Selectable<HostsTable>): HostRecord {
  return {
    name: row.name,
    region: row.region,
    address: row.address,
    port: row.port,
    memoryBytes: row.memory_bytes,
    engineVersion: row.engine_version,
    modules: z.array(z.string()).parse(row.modules),
    keyFingerprint: row.key_fingerprint,
    enrolledMs: row.enrolled_ms,
    lastSeenMs: row.last_seen_ms,
  };
}
