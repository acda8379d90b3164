// Access tokens for data, by digest and while they are good: an engine that is to admit somebody needs to know them,
// also when it is told of that one later than the token was issued.

import type { Db } from './store.ts';

/** Of one principal so many are good at a time, the newest. */
const TOKENS_MAX = 32;

export interface DataToken {
  readonly digest: string;
  readonly untilMs: number;
}

export async function addDataToken(db: Db, objectId: string, token: DataToken): Promise<void> {
  const { digest, untilMs: until_ms } = token;
  // Two that are issued in the same second are the same.
  await db
    .insertInto('data_tokens')
    .values({ digest, object_id: objectId, until_ms })
    .onConflict((conflict) => conflict.column('digest').doUpdateSet({ until_ms }))
    .execute();
}

/** The newest first. */
export async function dataTokensOf(db: Db, objectId: string, nowMs: number): Promise<DataToken[]> {
  const rows = await db
    .selectFrom('data_tokens')
    .select(['digest', 'until_ms'])
    .where('object_id', '=', objectId)
    .where('until_ms', '>', nowMs)
    .orderBy('until_ms', 'desc')
    .limit(TOKENS_MAX)
    .execute();
  return rows.map(({ digest, until_ms }) => ({ digest, untilMs: until_ms }));
}

export async function forgetExpiredTokens(db: Db, nowMs: number): Promise<void> {
  await db.deleteFrom('data_tokens').where('until_ms', '<=', nowMs).execute();
}
