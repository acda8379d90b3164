// Refresh tokens: what a program keeps so that its user need not sign in every hour. The database has their SHA-256
// only. One that is used is replaced; it is good for some minutes more, since several processes of one user may use
// the same one at once.

import { createHash, randomBytes } from 'node:crypto';
import type { Db } from '../store/store.ts';
import type { Caller } from './tokens.ts';

export const REFRESH_DAYS = 14;
const LIFE_MS = REFRESH_DAYS * 86_400_000;
const GRACE_MS = 5 * 60_000;
const TOKENS_OF_USER_MAX = 50;

export async function newRefreshToken(
  db: Db,
  user: Pick<Caller, 'objectId'>,
  clientId: string,
  nowMs: number = Date.now(),
): Promise<string> {
  const token = randomBytes(32).toString('base64url');
  await db
    .insertInto('refresh_tokens')
    .values({
      digest: digestOf(token),
      principal_id: user.objectId,
      client_id: clientId,
      created_ms: nowMs,
      expires_ms: nowMs + LIFE_MS,
    })
    .execute();
  await forgetSome(db, user.objectId, nowMs);
  return token;
}

/** Whose it is; null: nobody's (any more). */
export async function useRefreshToken(
  db: Db,
  token: string,
  clientId: string,
  nowMs: number = Date.now(),
): Promise<Caller | null> {
  const digest = digestOf(token);
  const found = await db
    .selectFrom('refresh_tokens')
    .innerJoin('principals', 'principals.object_id', 'refresh_tokens.principal_id')
    .select(['object_id', 'login', 'expires_ms'])
    .where('digest', '=', digest)
    .where('client_id', '=', clientId)
    .where('expires_ms', '>', nowMs)
    .executeTakeFirst();
  if (found === undefined) return null;
  const expires_ms = Math.min(found.expires_ms, nowMs + GRACE_MS);
  await db.updateTable('refresh_tokens').set({ expires_ms }).where('digest', '=', digest).execute();
  return { objectId: found.object_id, login: found.login };
}

/** They have to sign in again. */
export async function forgetRefreshTokens(db: Db, objectId: string): Promise<void> {
  await db.deleteFrom('refresh_tokens').where('principal_id', '=', objectId).execute();
}

/** What is over, and what is more than anybody needs. */
async function forgetSome(db: Db, objectId: string, nowMs: number): Promise<void> {
  await db.deleteFrom('refresh_tokens').where('expires_ms', '<=', nowMs).execute();
  const oldest = await db
    .selectFrom('refresh_tokens')
    .select('digest')
    .where('principal_id', '=', objectId)
    .orderBy('created_ms', 'desc')
    .offset(TOKENS_OF_USER_MAX)
    .execute();
  if (oldest.length === 0) return;
  const digests = oldest.map(({ digest }) => digest);
  await db.deleteFrom('refresh_tokens').where('digest', 'in', digests).execute();
}

function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}
