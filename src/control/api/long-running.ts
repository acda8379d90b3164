// Answers to requests that begin a long-running operation, and to those that ask how far it is. Which headers are
// sent decides how published clients poll; what each of them needs stands in docs/control-plane.md.

import { displayName } from '../model/locations.ts';
import type { OperationRecord } from '../store/operations.ts';
import type { Answer, ApiRequest } from './route.ts';

/** Clients wait so long before they ask again; without it some wait 30 seconds. */
export const RETRY_AFTER_S = '1';

export interface Begun {
  readonly id: string;
  /** Of the resource that is created, changed or removed. */
  readonly targetId: string;
  readonly location: string;
}

/**
 * status: a status document, and where a result would be. result: only where the result will be, for clients that
 * cannot read a status document there.
 */
export type PollBy = 'status' | 'result';

export function operationHeaders(
  request: Pick<ApiRequest, 'base' | 'params' | 'version'>,
  begun: Begun,
  poll: PollBy = 'status',
): Record<string, string> {
  const { base, version } = request;
  const subscription = request.params.subscription ?? '';
  const query = `?api-version=${version.text}`;
  const location = encodeURIComponent(displayName(begun.location));
  const status = `${base}/subscriptions/${subscription}/providers/Microsoft.Cache/locations/${location}/operationsStatus/${begun.id}${query}`;
  return {
    location: `${base}${begun.targetId}/operationresults/${begun.id}${query}`,
    'retry-after': RETRY_AFTER_S,
    ...(poll === 'status' ? { 'azure-asyncoperation': status } : {}),
  };
}

/**
 * The same for caches, whose clients look elsewhere. resource: what is created or changed is read from itself.
 */
export function cacheHeaders(
  request: Pick<ApiRequest, 'base' | 'params' | 'version'>,
  begun: Begun,
  poll: PollBy | 'resource' = 'status',
): Record<string, string> {
  const { base, version, params } = request;
  const query = `?api-version=${version.text}`;
  const where = encodeURIComponent(displayName(begun.location));
  const locations = `${base}/subscriptions/${params.subscription ?? ''}/providers/Microsoft.Cache/locations/${where}`;
  const result = `${locations}/operationresults/${begun.id}${query}`;
  return {
    location: poll === 'resource' ? `${base}${encodeURI(begun.targetId)}${query}` : result,
    'retry-after': RETRY_AFTER_S,
    ...(poll === 'result'
      ? {}
      : { 'azure-asyncoperation': `${locations}/asyncOperations/${begun.id}${query}` }),
  };
}

/** The status document. */
export function statusBody(operation: OperationRecord, id: string): object {
  const { status, fault, createdMs, endedMs, percent, result } = operation;
  return {
    id,
    name: operation.id,
    status,
    startTime: new Date(createdMs).toISOString(),
    ...(endedMs === null ? {} : { endTime: new Date(endedMs).toISOString() }),
    ...(percent === null ? {} : { percentComplete: Math.floor(percent) }),
    ...(result === null ? {} : { properties: result }),
    ...(status === 'Failed' && fault !== null ? { error: fault } : {}),
  };
}

export function statusAnswer(operation: OperationRecord, id: string): Answer {
  const isOver = operation.status !== 'InProgress';
  return {
    status: 200,
    body: statusBody(operation, id),
    ...(isOver ? {} : { headers: { 'retry-after': RETRY_AFTER_S } }),
  };
}

/** The result: nothing until it is over, then nothing or the error that it ended with. */
export function resultAnswer(operation: OperationRecord, location: string): Answer {
  if (operation.status === 'InProgress') {
    return { status: 202, headers: { location, 'retry-after': RETRY_AFTER_S } };
  }
  const { fault } = operation;
  if (operation.status === 'Failed' && fault !== null) {
    return { status: 409, body: { error: fault } };
  }
  return { status: 200 };
}

/** Of a resource that is on its way to another state. */
export function transitionalHeaders(provisioning: string): Record<string, string> {
  const isAtRest = ['Succeeded', 'Failed', 'Canceled'].includes(provisioning);
  return isAtRest ? {} : { 'retry-after': RETRY_AFTER_S };
}
