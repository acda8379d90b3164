// What belongs to a database or a cache and has an id of its own: firewall rules, schedules, access policies and
// their assignments. Settings are decoded by those who know their kind.

import type { Selectable } from 'kysely';
import { z } from 'zod';
import { keyOf } from '../model/resource-id.ts';
import { PROVISIONING, type ProvisioningState } from './resources.ts';
import type { Db } from './store.ts';
import type { PartsTable } from './tables.ts';

export type PartType = 'firewallRule' | 'patchSchedule' | 'accessPolicy' | 'accessPolicyAssignment';

export interface PartRecord {
  readonly key: string;
  readonly id: string;
  readonly name: string;
  readonly parentKey: string;
  readonly settings: object;
  readonly provisioning: ProvisioningState;
}

export async function findPart(db: Db, id: string): Promise<PartRecord | undefined> {
  const row = await db
    .selectFrom('parts')
    .selectAll()
    .where('key', '=', keyOf(id))
    .executeTakeFirst();
  return row === undefined ? undefined : readPart(row);
}

/** In the order of their keys. */
export async function partsOf(db: Db, parentKey: string, type: PartType): Promise<PartRecord[]> {
  const rows = await db
    .selectFrom('parts')
    .selectAll()
    .where('parent_key', '=', parentKey)
    .where('type', '=', type)
    .orderBy('key')
    .execute();
  return rows.map(readPart);
}

export interface NewPart {
  readonly id: string;
  readonly type: PartType;
  readonly parentKey: string;
  readonly settings: object;
  readonly provisioning: ProvisioningState;
}

/** Writes it, whether it is there or not. */
export async function putPart(db: Db, part: NewPart): Promise<void> {
  const settings = JSON.stringify(part.settings);
  const provisioning_state = part.provisioning;
  await db
    .insertInto('parts')
    .values({
      ...{ key: keyOf(part.id), id: part.id, type: part.type, parent_key: part.parentKey },
      ...{ settings, provisioning_state, created_ms: Date.now() },
    })
    .onConflict((conflict) => conflict.column('key').doUpdateSet({ settings, provisioning_state }))
    .execute();
}

export async function markPart(db: Db, key: string, provisioning: ProvisioningState) {
  await db
    .updateTable('parts')
    .set({ provisioning_state: provisioning })
    .where('key', '=', key)
    .execute();
}

export async function deletePart(db: Db, key: string): Promise<void> {
  await db.deleteFrom('parts').where('key', '=', key).execute();
}

function readPart(row: Selectable<PartsTable>): PartRecord {
  return {
    key: row.key,
    id: row.id,
    name: row.id.slice(row.id.lastIndexOf('/') + 1),
    parentKey: row.parent_key,
    settings: row.settings,
    provisioning: z.enum(PROVISIONING).parse(row.provisioning_state),
  };
}
