// Role assignments as the API has them: who has which role at which scope, and what may become of them. Somebody
// stays owner of everything: the last assignment that says so cannot be taken away.

import { ArmError } from '../model/arm-error.ts';
import { keyOf, scopesOf } from '../model/resource-id.ts';
import { ROLES, type Role, roleNamed } from '../model/roles.ts';
import type { Change, Db } from '../store/store.ts';
import { assignRole } from './principals.ts';
import type { Caller } from './tokens.ts';

export interface WantedAssignment {
  readonly name: string;
  readonly scope: string;
  readonly role: Role;
  readonly principalId: string;
  readonly principalType: string | undefined;
  readonly description: string | null;
}

/** With the kind of its principal. */
function assignments(db: Db) {
  return db
    .selectFrom('role_assignments')
    .innerJoin('principals', 'principals.object_id', 'role_assignments.principal_id')
    .select([
      ...(['role_assignments.name', 'role_assignments.scope', 'shown_scope', 'role_id'] as const),
      ...(['principal_id', 'description', 'created_by', 'kind'] as const),
      'role_assignments.created_ms',
    ]);
}

export type AssignmentRow = Awaited<ReturnType<typeof atScope>>[number];

/** At exactly this scope. */
async function atScope(db: Db, scope: string) {
  return await assignments(db).where('role_assignments.scope', '=', scopeKey(scope)).execute();
}

export async function findAssignment(
  db: Db,
  scope: string,
  name: string,
): Promise<AssignmentRow | undefined> {
  const all = await atScope(db, scope);
  return all.find((one) => one.name.toLowerCase() === name.toLowerCase());
}

export interface AssignmentQuestion {
  readonly scope: string;
  /** What is assigned within the scope counts too, not only at it and above it. */
  readonly isBelowToo: boolean;
  /** null: of everybody. */
  readonly principalId: string | null;
}

/** At the scope and above it, and within it. */
export async function listAssignments(
  db: Db,
  { scope, isBelowToo, principalId }: AssignmentQuestion,
): Promise<AssignmentRow[]> {
  const key = scopeKey(scope);
  let query = assignments(db).where((also) =>
    also.or([
      also('role_assignments.scope', 'in', scopesOf(key)),
      ...(isBelowToo
        ? [
            also(
              also.fn('starts_with', [
                'role_assignments.scope',
                also.val(key === '/' ? '/' : `${key}/`),
              ]),
              '=',
              true,
            ),
          ]
        : []),
    ]),
  );
  if (principalId !== null) query = query.where('principal_id', '=', principalId.toLowerCase());
  return await query.orderBy('role_assignments.created_ms').orderBy('name').execute();
}

/** isNew: it was not there before. Throws ArmError. */
export async function putAssignment(
  change: Change,
  wanted: WantedAssignment,
  by: Caller,
): Promise<{ isNew: boolean }> {
  const principal = await change
    .selectFrom('principals')
    .select(['object_id', 'kind'])
    .where('object_id', '=', wanted.principalId.toLowerCase())
    .executeTakeFirst();
  if (principal === undefined) {
    throw new ArmError(
      400,
      'PrincipalNotFound',
      `Principal ${wanted.principalId} does not exist in the directory of this control plane.`,
      { target: 'properties.principalId' },
    );
  }
  const { principalType } = wanted;
  if (principalType !== undefined && principalType !== principal.kind) {
    throw new ArmError(
      400,
      'UnmatchedPrincipalType',
      `Principal ${wanted.principalId} is a ${principal.kind}, no ${principalType}.`,
      { target: 'properties.principalType' },
    );
  }
  const isSame = (one: { scope: string; principal_id: string; role_id: string }): boolean =>
    one.scope === scopeKey(wanted.scope) &&
    one.principal_id === principal.object_id &&
    one.role_id === wanted.role.id;
  const named = await change
    .selectFrom('role_assignments')
    .selectAll()
    .where('name', '=', wanted.name.toLowerCase())
    .executeTakeFirst();
  if (named !== undefined) {
    if (isSame(named)) return { isNew: false };
    throw new ArmError(
      409,
      'RoleAssignmentUpdateNotPermitted',
      'The principal, the role and the scope of a role assignment cannot be changed: delete it, and create another.',
    );
  }
  if ((await atScope(change, wanted.scope)).some(isSame)) {
    throw new ArmError(409, 'RoleAssignmentExists', 'The role assignment already exists.');
  }
  await assignRole(change, {
    ...{ objectId: principal.object_id, role: wanted.role.id, scope: wanted.scope },
    ...{ name: wanted.name.toLowerCase(), description: wanted.description, by: by.objectId },
  });
  return { isNew: true };
}

/** Throws ArmError when nobody would be left who may do everything. */
export async function deleteAssignment(change: Change, assignment: AssignmentRow): Promise<void> {
  await checkOwnerStays(change, ({ name }) => name !== assignment.name);
  await change.deleteFrom('role_assignments').where('name', '=', assignment.name).execute();
}

/** Throws ArmError unless one of those that `stays` is an owner of everything, where one is now. */
export async function checkOwnerStays(
  change: Change,
  stays: (assignment: AssignmentRow) => boolean,
): Promise<void> {
  const owner = roleNamed('Owner')?.id;
  const owners = (await atScope(change, '/')).filter(({ role_id }) => role_id === owner);
  if (owners.length === 0 || owners.some(stays)) return;
  throw new ArmError(
    409,
    'LastOwner',
    "This is the last owner of everything (scope '/'): without one nobody could give rights any more. Make another owner first.",
  );
}

/** What somebody may do at a scope. */
export async function rolesOf(db: Db, { objectId }: Caller, scope: string): Promise<Role[]> {
  const rows = await db
    .selectFrom('role_assignments')
    .select('role_id')
    .where('principal_id', '=', objectId)
    .where('scope', 'in', scopesOf(scopeKey(scope)))
    .execute();
  const ids = new Set(rows.map(({ role_id }) => role_id));
  return ROLES.filter(({ id }) => ids.has(id));
}

function scopeKey(scope: string): string {
  return scope === '/' ? '/' : keyOf(scope);
}
