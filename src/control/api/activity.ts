// The activity log of a subscription (Microsoft.Insights/eventtypes/management/values).

import { badRequest } from '../model/arm-error.ts';
import { listActivity } from '../store/activity.ts';
import { type ApiParts, pathOf } from './parts.ts';
import { type ApiRequest, ok, type Route, route } from './route.ts';

const DAY_MS = 86_400_000;
const DAYS_MAX = 90;
const EVENTS_MAX = 1_000;

export function activityRoutes({ store }: ApiParts): Route[] {
  const list = async (request: ApiRequest, subscription: string) => {
    const filter = String(request.query.$filter ?? '');
    const question = { subscription, ...readFilter(filter, subscription), limit: EVENTS_MAX };
    const rows = await listActivity(store.db, question);
    return ok({ value: rows.map(eventView) });
  };
  return [
    route({
      method: 'GET',
      path: '/providers/Microsoft.Insights/eventtypes/management/values',
      operationId: 'TenantActivityLogs_List',
      summary:
        'Changes that were asked for outside subscriptions: of principals, and of roles for everything.',
      action: 'Microsoft.Insights/eventtypes/values/read',
      handle: (request) => list(request, ''),
    }),
    route({
      method: 'GET',
      path: '/subscriptions/:subscription/providers/Microsoft.Insights/eventtypes/management/values',
      operationId: 'ActivityLogs_List',
      summary:
        "Changes that were asked for, the newest first. $filter: eventTimestamp ge '...' and eventTimestamp le '...' and resourceUri eq '...' or resourceGroupName eq '...'.",
      action: 'Microsoft.Insights/eventtypes/values/read',
      handle: (request) => list(request, pathOf(request).subscription),
    }),
  ];
}

/** What of a filter is understood; without times, the last day. */
export function readFilter(filter: string, subscription: string, nowMs: number = Date.now()) {
  const value = (name: string, comparison: string): string | undefined =>
    new RegExp(`\\b${name}\\s+${comparison}\\s+'([^']*)'`, 'i').exec(filter)?.[1];
  const time = (text: string | undefined, byDefaultMs: number): number => {
    if (text === undefined) return byDefaultMs;
    const ms = Date.parse(text);
    if (Number.isNaN(ms))
      throw badRequest(`$filter: '${text.slice(0, 40)}' is no time.`, '$filter');
    return ms;
  };
  const toMs = time(value('eventTimestamp', 'le'), nowMs);
  const fromMs = time(value('eventTimestamp', 'ge'), nowMs - DAY_MS);
  if (fromMs < nowMs - DAYS_MAX * DAY_MS) {
    throw badRequest(`$filter: events are kept for ${DAYS_MAX} days.`, '$filter');
  }
  const group = value('resourceGroupName', 'eq');
  const within =
    value('resourceUri', 'eq') ??
    value('resourceId', 'eq') ??
    (group === undefined ? null : `/subscriptions/${subscription}/resourceGroups/${group}`);
  return { fromMs, toMs, within };
}

type Row = Awaited<ReturnType<typeof listActivity>>[number];

function eventView(row: Row): object {
  const named = (value: string) => ({ value, localizedValue: value });
  return {
    eventDataId: row.id,
    id: `${row.target_id}/events/${row.id}`,
    eventTimestamp: new Date(row.at_ms).toISOString(),
    caller: row.caller,
    operationName: named(row.action),
    category: named('Administrative'),
    level: row.status === 'Failed' ? 'Error' : 'Informational',
    status: named(row.status),
    subStatus: named(String(row.http_status)),
    resourceId: row.target_id,
    operationId: row.request_id,
    correlationId: row.correlation_id,
    subscriptionId: row.subscription,
    description: row.message ?? '',
    properties: {
      statusCode: String(row.http_status),
      ...(row.code === null ? {} : { code: row.code }),
      ...(row.reason === null ? {} : { reason: row.reason }),
    },
  };
}
