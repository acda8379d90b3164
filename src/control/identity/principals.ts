// Those who may sign in, and what they may do.

import { randomBytes, randomUUID } from 'node:crypto';
import { ArmError } from '../model/arm-error.ts';
import { keyOf, scopesOf } from '../model/resource-id.ts';
import { allows, ROLES, roleNamed } from '../model/roles.ts';
import { hashSecret, isSecret } from '../store/sealing.ts';
import type { Db, Store } from '../store/store.ts';
import { forgetRefreshTokens } from './refresh-tokens.ts';
import type { Caller } from './tokens.ts';

export type PrincipalKind = 'ServicePrincipal' | 'User';

export interface Credentials {
  readonly clientId: string;
  readonly clientSecret: string;
}

export interface NewPrincipal {
  readonly kind: PrincipalKind;
  readonly login?: string | undefined;
  readonly displayName: string;
  readonly secret?: string | undefined;
  /** Who signs in at another issuer has no secret here. */
  readonly external?: { readonly issuer: string; readonly subject: string } | undefined;
}

export async function createPrincipal(
  db: Db,
  wanted: NewPrincipal,
): Promise<Credentials & { objectId: string }> {
  const { external } = wanted;
  const objectId = randomUUID();
  const clientId = (wanted.login ?? randomUUID()).toLowerCase();
  const clientSecret = wanted.secret ?? newSecret();
  await db
    .insertInto('principals')
    .values({
      object_id: objectId,
      kind: wanted.kind,
      login: clientId,
      display_name: wanted.displayName,
      secret_hash: external === undefined ? hashSecret(clientSecret) : NO_SECRET,
      issuer: external?.issuer ?? null,
      subject: external?.subject ?? null,
      created_ms: Date.now(),
    })
    .execute();
  return { objectId, clientId, clientSecret };
}

/** No secret has this hash. */
const NO_SECRET = '';

function newSecret(): string {
  return randomBytes(30).toString('base64url');
}

export async function listPrincipals(db: Db) {
  return await db
    .selectFrom('principals')
    .select(['object_id', 'kind', 'login', 'display_name', 'issuer', 'subject', 'created_ms'])
    .orderBy('created_ms')
    .orderBy('object_id')
    .execute();
}

export type PrincipalRow = Awaited<ReturnType<typeof listPrincipals>>[number];

export async function findPrincipal(db: Db, objectId: string): Promise<PrincipalRow | undefined> {
  return (await listPrincipals(db)).find(({ object_id }) => object_id === objectId.toLowerCase());
}

/** Whom tokens of another issuer call so; null: nobody. */
export async function externalPrincipal(
  db: Db,
  issuer: string,
  subject: string,
): Promise<Caller | null> {
  const found = await db
    .selectFrom('principals')
    .select('object_id')
    .where('issuer', '=', issuer)
    .where('subject', '=', subject)
    .executeTakeFirst();
  if (found === undefined) return null;
  return { objectId: found.object_id, login: `${subject} of ${issuer}` };
}

/** Another secret, or this password. Whoever is signed in has to sign in again when the hour of the token is over. */
export async function resetSecret(db: Db, objectId: string, wanted?: string): Promise<string> {
  const secret = wanted ?? newSecret();
  await db
    .updateTable('principals')
    .set({ secret_hash: hashSecret(secret) })
    .where('object_id', '=', objectId)
    .execute();
  await forgetRefreshTokens(db, objectId);
  return secret;
}

/** With all its rights, at once. */
export async function deletePrincipal(db: Db, objectId: string): Promise<void> {
  await forgetRefreshTokens(db, objectId);
  await db.deleteFrom('role_assignments').where('principal_id', '=', objectId).execute();
  await db.deleteFrom('principals').where('object_id', '=', objectId).execute();
}

/** The first start makes an owner of everything; null: there is somebody already. */
export async function createOwner(store: Store): Promise<Credentials | null> {
  return await store.change(async (change) => {
    const somebody = await change.selectFrom('principals').select('object_id').executeTakeFirst();
    if (somebody !== undefined) return null;
    const owner = await createPrincipal(change, { kind: 'ServicePrincipal', displayName: 'owner' });
    await assignRole(change, { objectId: owner.objectId, role: 'Owner', scope: '/' });
    return owner;
  });
}

export interface Assignment {
  readonly objectId: string;
  /** Name or id. */
  readonly role: string;
  readonly scope: string;
  readonly name?: string;
  readonly description?: string | null;
  /** Object id of who asks for it. */
  readonly by?: string | null;
}

/** Throws ArmError when there is no such role. */
export async function assignRole(db: Db, assignment: Assignment): Promise<void> {
  const { objectId, role, scope, name = randomUUID(), description = null, by = null } = assignment;
  const found = roleNamed(role);
  if (found === undefined) {
    const names = ROLES.map((one) => one.name).join(', ');
    throw new ArmError(400, 'RoleDefinitionDoesNotExist', `There is no role '${role}': ${names}.`);
  }
  await db
    .insertInto('role_assignments')
    .values({
      ...{ name, description },
      scope: scope === '/' ? '/' : keyOf(scope),
      shown_scope: scope,
      principal_id: objectId,
      role_id: found.id,
      created_by: by,
      created_ms: Date.now(),
    })
    .execute();
}

const DUMMY_HASH = hashSecret('nobody');

/** Who signs in with these credentials; null: nobody. Takes as long either way. */
export async function signIn(
  db: Db,
  kind: PrincipalKind,
  login: string,
  secret: string,
): Promise<Caller | null> {
  const found = await db
    .selectFrom('principals')
    .selectAll()
    .where('login', '=', login.toLowerCase())
    .where('kind', '=', kind)
    .executeTakeFirst();
  const isRight = await isSecret(secret, found?.secret_hash ?? DUMMY_HASH);
  return found !== undefined && isRight ? { objectId: found.object_id, login: found.login } : null;
}

/** Throws ArmError 403 unless one of the caller's roles at this scope, or above it, covers the action. */
export async function authorize(
  db: Db,
  caller: Caller,
  { action, scope }: { readonly action: string; readonly scope: string },
): Promise<void> {
  const rows = await db
    .selectFrom('role_assignments')
    .select('role_id')
    .where('principal_id', '=', caller.objectId)
    .where('scope', 'in', scopesOf(scope))
    .execute();
  const isAllowed = rows.some(({ role_id }) => {
    const role = roleNamed(role_id);
    return role !== undefined && allows(role, action);
  });
  if (isAllowed) return;
  throw new ArmError(
    403,
    'AuthorizationFailed',
    `The client '${caller.login}' with object id '${caller.objectId}' does not have authorization to perform action '${action}' over scope '${scope}'.`,
  );
}

/** Scopes at which somebody may do anything at all. */
export async function scopesWithRights(db: Db, { objectId }: Caller): Promise<string[]> {
  const rows = await db
    .selectFrom('role_assignments')
    .select('scope')
    .where('principal_id', '=', objectId)
    .execute();
  return rows.map(({ scope }) => scope);
}
