// What the rules of geo-replication ask about: databases and groups as they are now.

import type { Known } from '../model/geo-rules.ts';
import { keyOf } from '../model/resource-id.ts';
import { isHeld } from '../store/operations.ts';
import {
  type ClusterRecord,
  type DatabaseRecord,
  findCluster,
  findDatabase,
  membersOf,
} from '../store/resources.ts';
import type { Db } from '../store/store.ts';
import type { GeoView } from './views.ts';

export interface KnownMember extends Known {
  readonly record: DatabaseRecord;
  readonly clusterRecord: ClusterRecord;
}

export async function loadKnown(db: Db, id: string): Promise<KnownMember | undefined> {
  const record = await findDatabase(db, id);
  return record === undefined ? undefined : await withCluster(db, record);
}

async function withCluster(db: Db, record: DatabaseRecord): Promise<KnownMember | undefined> {
  const clusterRecord = await findCluster(db, record.clusterKey);
  if (clusterRecord === undefined) return undefined;
  const nickname = await nicknameOf(db, record.geoGroup);
  const isBusy = await isHeld(db, record.key);
  return {
    id: record.id,
    cluster: clusterRecord.settings,
    database: record.settings,
    isReady: record.provisioning === 'Succeeded' && !isBusy,
    group:
      record.geoGroup === null || nickname === null
        ? null
        : { id: record.geoGroup, nickname, state: record.linkState ?? 'Linking' },
    record,
    clusterRecord,
  };
}

export async function loadMembers(db: Db, group: string): Promise<KnownMember[]> {
  const members: KnownMember[] = [];
  for (const record of await membersOf(db, group)) {
    const known = await withCluster(db, record);
    if (known !== undefined) members.push(known);
  }
  return members;
}

/** Everything that rules about these databases need to know, loaded ahead: rules are functions without I/O. */
export class GeoSnapshot {
  readonly #known = new Map<string, KnownMember>();
  readonly #members = new Map<string, readonly KnownMember[]>();

  static async of(db: Db, ids: readonly string[]): Promise<GeoSnapshot> {
    const snapshot = new GeoSnapshot();
    for (const id of ids) {
      const known = await loadKnown(db, id);
      if (known === undefined) continue;
      snapshot.#known.set(keyOf(id), known);
      const group = known.group?.id;
      if (group !== undefined && !snapshot.#members.has(group)) {
        snapshot.#members.set(group, await loadMembers(db, group));
      }
    }
    return snapshot;
  }

  readonly known = (id: string): KnownMember | undefined => this.#known.get(keyOf(id));
  readonly members = (group: string): readonly KnownMember[] => this.#members.get(group) ?? [];
}

export async function geoViewOf(db: Db, { geoGroup }: DatabaseRecord): Promise<GeoView | null> {
  const nickname = await nicknameOf(db, geoGroup);
  if (geoGroup === null || nickname === null) return null;
  return { nickname, members: await membersOf(db, geoGroup) };
}

async function nicknameOf(db: Db, group: string | null): Promise<string | null> {
  if (group === null) return null;
  const row = await db
    .selectFrom('geo_groups')
    .select('nickname')
    .where('id', '=', group)
    .executeTakeFirst();
  return row?.nickname ?? null;
}

/** What an operation on the whole group holds. */
export function groupHold(group: string): string {
  return `geo-group ${group}`;
}
