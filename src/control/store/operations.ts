// Long-running operations as they are stored, and what each of them holds.

import { randomUUID } from 'node:crypto';
import type { Selectable } from 'kysely';
import { z } from 'zod';
import { ArmError } from '../model/arm-error.ts';
import { BEGINNING, type Progress } from '../model/operation.ts';
import type { Change, Db } from './store.ts';
import type { OperationsTable } from './tables.ts';

export const OPERATION_KINDS = [
  'create-cluster',
  'update-cluster',
  'delete-cluster',
  'create-database',
  'update-database',
  'delete-database',
  'force-unlink',
  'force-link',
  'flush',
  'create-cache',
  'update-cache',
  'delete-cache',
  'flush-cache',
  'delete-group',
  'export-data',
  'import-data',
  'change-access',
  'reboot-cache',
] as const;
export type OperationKind = (typeof OPERATION_KINDS)[number];

export interface OperationRecord extends Progress {
  readonly id: string;
  readonly kind: OperationKind;
  readonly targetKey: string;
  readonly targetId: string;
  readonly subscription: string;
  readonly location: string;
  readonly input: unknown;
  readonly createdMs: number;
  readonly endedMs: number | null;
  /** 0 to 100; null: nobody has said. */
  readonly percent: number | null;
  readonly result: object | null;
}

export interface OperationReport {
  readonly percent?: number;
  readonly result?: object;
}

const fault = z.object({ code: z.string(), message: z.string() }).nullable();

export interface NewOperation {
  readonly kind: OperationKind;
  readonly targetId: string;
  readonly targetKey: string;
  readonly subscription: string;
  readonly location: string;
  readonly input?: object;
  readonly principal: string;
  /** Keys of what nobody else may change meanwhile. */
  readonly holds: readonly string[];
}

/** Throws ArmError 409 when another operation holds what this one needs. */
export async function insertOperation(change: Change, operation: NewOperation): Promise<string> {
  const holds = [...new Set(operation.holds)];
  await checkFree(change, holds);
  const id = randomUUID();
  await change
    .insertInto('operations')
    .values({
      id,
      kind: operation.kind,
      target_key: operation.targetKey,
      target_id: operation.targetId,
      subscription: operation.subscription.toLowerCase(),
      location: operation.location,
      status: BEGINNING.status,
      direction: BEGINNING.direction,
      step: BEGINNING.step,
      fault: null,
      input: JSON.stringify(operation.input ?? {}),
      percent: null,
      result: null,
      principal: operation.principal,
      created_ms: Date.now(),
      ended_ms: null,
    })
    .execute();
  if (holds.length > 0) {
    const rows = holds.map((key) => ({ key, operation_id: id }));
    await change.insertInto('operation_locks').values(rows).execute();
  }
  return id;
}

/** R066: what is being done just now, where that stands in the way. */
export async function checkFree(db: Db, holds: readonly string[]): Promise<void> {
  if (holds.length === 0) return;
  const busy = await db
    .selectFrom('operation_locks')
    .innerJoin('operations', 'operations.id', 'operation_locks.operation_id')
    .select(['operations.id', 'operations.kind', 'operations.target_id'])
    .where('operation_locks.key', 'in', [...holds])
    .executeTakeFirst();
  if (busy === undefined) return;
  throw new ArmError(
    409,
    'OperationInProgress',
    `Not possible just now: operation ${busy.id} (${busy.kind}) on ${busy.target_id} is under way. Try again when it has finished.`,
    { target: busy.target_id },
  );
}

/** `kind`: only what an operation of that kind holds counts. */
export async function isHeld(db: Db, key: string, kind?: OperationKind): Promise<boolean> {
  const found = await db
    .selectFrom('operation_locks')
    .innerJoin('operations', 'operations.id', 'operation_locks.operation_id')
    .select('operations.kind')
    .where('operation_locks.key', '=', key)
    .executeTakeFirst();
  return found !== undefined && (kind === undefined || found.kind === kind);
}

/** Everything that an operation holds. */
export async function heldKeys(db: Db): Promise<Set<string>> {
  const rows = await db.selectFrom('operation_locks').select('key').execute();
  return new Set(rows.map(({ key }) => key));
}

export async function findOperation(db: Db, id: string): Promise<OperationRecord | undefined> {
  const row = await db
    .selectFrom('operations')
    .selectAll()
    .where('id', '=', id.toLowerCase())
    .executeTakeFirst();
  return row === undefined ? undefined : readOperation(row);
}

/** Those that are to be worked on, the oldest first. */
export async function unfinished(db: Db): Promise<OperationRecord[]> {
  const rows = await db
    .selectFrom('operations')
    .selectAll()
    .where('status', '=', 'InProgress')
    .orderBy('created_ms')
    .execute();
  return rows.map(readOperation);
}

export async function writeProgress(db: Db, id: string, progress: Progress): Promise<void> {
  const isOver = progress.status !== 'InProgress';
  await db
    .updateTable('operations')
    .set({
      status: progress.status,
      direction: progress.direction,
      step: progress.step,
      fault: progress.fault === null ? null : JSON.stringify(progress.fault),
      ended_ms: isOver ? Date.now() : null,
    })
    .where('id', '=', id)
    .execute();
  if (isOver) await db.deleteFrom('operation_locks').where('operation_id', '=', id).execute();
}

/** What an operation that is under way says of itself. */
export async function writeReport(db: Db, id: string, report: OperationReport): Promise<void> {
  const { percent, result } = report;
  await db
    .updateTable('operations')
    .set({
      ...(percent === undefined ? {} : { percent }),
      ...(result === undefined ? {} : { result: JSON.stringify(result) }),
    })
    .where('id', '=', id)
    .execute();
}

function readOperation(row: Selectable<OperationsTable>): OperationRecord {
  return {
    id: row.id,
    kind: z.enum(OPERATION_KINDS).parse(row.kind),
    targetKey: row.target_key,
    targetId: row.target_id,
    subscription: row.subscription,
    location: row.location,
    input: row.input,
    createdMs: row.created_ms,
    endedMs: row.ended_ms,
    status: z.enum(['InProgress', 'Succeeded', 'Failed']).parse(row.status),
    direction: z.enum(['forward', 'backward']).parse(row.direction),
    step: row.step,
    fault: fault.parse(row.fault),
    percent: row.percent,
    result: row.result,
  };
}
