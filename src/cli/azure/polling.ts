// How a long-running operation is followed: which address tells how far it is, how long to wait between two
// questions, and when it is over. Pure, so that every combination of headers can be tried.

import type { IncomingHttpHeaders } from 'node:http';
import { ArmFailure, failureOf } from './failure.ts';
import { at, type Json, textAt } from './json.ts';

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Json | undefined;
}

/** document: a status document there. result: nothing there until it is over. resource: the resource says. */
export type PollAt = { readonly kind: 'document' | 'result' | 'resource'; readonly path: string };

/** Where to ask; null: it is over. `path` is that of the request. */
export function pollAt(method: string, path: string, first: Reply): PollAt | null {
  const { headers, body } = first;
  const document = headers['azure-asyncoperation'] ?? headers['operation-location'];
  if (typeof document === 'string') return { kind: 'document', path: document };
  if (headers.location !== undefined) return { kind: 'result', path: headers.location };
  const isChange = method === 'PUT' || method === 'PATCH';
  if (isChange && !isAtRest(stateIn(body))) return { kind: 'resource', path };
  return null;
}

/** What a reply says of an operation. Throws ArmFailure when it ended in failure. */
export function progressIn({ kind }: PollAt, reply: Reply): { isOver: boolean; state: string } {
  const { status, body } = reply;
  if (status >= 400) throw failureOf(status, body);
  if (kind === 'result') return { isOver: status !== 202, state: 'InProgress' };
  const state = kind === 'document' ? textAt(body, 'status') : stateIn(body);
  if (/^(failed|cancell?ed)$/i.test(state)) {
    const error = at(body, 'error') ?? { code: state, message: `The operation ended: ${state}.` };
    throw new ArmFailure(null, error);
  }
  return { isOver: isAtRest(state), state };
}

const FIRST_WAITS_MS = [150, 350];
const WAIT_MS = 2_000;
const WAIT_MS_MAX = 60_000;

/** Short operations are over soon; of longer ones the control plane says how often to ask. */
export function waitMs(questions: number, headers: IncomingHttpHeaders): number {
  const first = FIRST_WAITS_MS[questions];
  if (first !== undefined) return first;
  const seconds = Number(headers['retry-after'] ?? Number.NaN);
  return Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0) * 1_000, WAIT_MS_MAX) : WAIT_MS;
}

function stateIn(body: Json | undefined): string {
  return textAt(body, 'properties', 'provisioningState');
}

function isAtRest(state: string): boolean {
  return state === '' || /^succeeded$/i.test(state);
}
