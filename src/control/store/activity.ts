// The activity log: every change that was asked for, accepted or refused, with who asked, when, of what and why.

import { randomUUID } from 'node:crypto';
import { keyOf } from '../model/resource-id.ts';
import { printableText } from '../model/text-safety.ts';
import type { Db } from './store.ts';

export interface Activity {
  readonly caller: string;
  readonly action: string;
  readonly targetId: string;
  readonly subscription: string;
  readonly httpStatus: number;
  readonly code: string | null;
  readonly message: string | null;
  /** What the caller gave as the reason, such as the number of an incident. */
  readonly reason: string | null;
  readonly requestId: string;
  readonly correlationId: string;
}

const TEXT_MAX = 500;

export async function recordActivity(db: Db, activity: Activity): Promise<void> {
  const text = (value: string | null) => (value === null ? null : printableText(value, TEXT_MAX));
  const targetId = printableText(activity.targetId, TEXT_MAX);
  await db
    .insertInto('activity')
    .values({
      id: randomUUID(),
      at_ms: Date.now(),
      caller: activity.caller,
      action: activity.action,
      target_key: keyOf(targetId),
      target_id: targetId,
      subscription: activity.subscription.toLowerCase(),
      status: activity.httpStatus < 400 ? 'Accepted' : 'Failed',
      http_status: activity.httpStatus,
      code: text(activity.code),
      message: text(activity.message),
      reason: text(activity.reason),
      request_id: printableText(activity.requestId, 100),
      correlation_id: printableText(activity.correlationId, 100),
    })
    .execute();
}

export interface ActivityQuestion {
  readonly subscription: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** An id, of which everything that is part of it counts too. */
  readonly within: string | null;
  readonly limit: number;
}

/** The newest first. */
export async function listActivity(db: Db, question: ActivityQuestion) {
  const { subscription, fromMs, toMs, within, limit } = question;
  let query = db
    .selectFrom('activity')
    .selectAll()
    .where('subscription', '=', subscription.toLowerCase())
    .where('at_ms', '>=', fromMs)
    .where('at_ms', '<=', toMs);
  if (within !== null) {
    const key = keyOf(within);
    query = query.where((also) =>
      also.or([
        also('target_key', '=', key),
        also(also.fn('starts_with', ['target_key', also.val(`${key}/`)]), '=', true),
      ]),
    );
  }
  return await query.orderBy('at_ms', 'desc').limit(limit).execute();
}
