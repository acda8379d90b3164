// What a route of the API is: a row of a table from which the server takes its handlers and the OpenAPI document
// its paths, so that neither can know what the other does not.

import type { z } from 'zod';
import type { Caller } from '../identity/tokens.ts';
import type { ApiVersion } from '../model/api-version.ts';

export interface ApiRequest {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly version: ApiVersion;
  readonly caller: Caller;
  /** What the request is about, and where the right to it has been checked: the id that its parameters make. */
  readonly scope: string;
  /** Without the query. */
  readonly path: string;
  /** Scheme and host as the client used them. */
  readonly base: string;
  readonly requestId: string;
  /** Throws ArmError 403. */
  readonly authorize: (action: string, scope: string) => Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

type Method = 'GET' | 'HEAD' | 'PUT' | 'PATCH' | 'POST' | 'DELETE';

interface Common {
  readonly method: Method;
  /** With :names of parameters. */
  readonly path: string;
  /** As the published specification calls it. */
  readonly operationId: string;
  readonly summary: string;
  /** What the caller needs the right to; null: to be somebody. */
  readonly action: string | null;
  /** Of answers that are no refusal; default: those that are usual for the method. */
  readonly statuses?: readonly number[];
  /** R047, R065. */
  readonly isDestructive?: boolean;
}

export interface Route extends Common {
  readonly body: z.ZodType | null;
  readonly handle: (request: ApiRequest, body: unknown) => Promise<Answer>;
}

/** A route without a body. */
export function route(
  common: Common & { readonly handle: (request: ApiRequest) => Promise<Answer> },
): Route {
  return { ...common, body: null };
}

/** A route whose body is decoded before its handler sees it. */
export function routeWithBody<Schema extends z.ZodType>(
  common: Common & {
    readonly body: Schema;
    readonly handle: (request: ApiRequest, body: z.output<Schema>) => Promise<Answer>;
  },
): Route {
  const { body, handle } = common;
  return { ...common, handle: (request, given) => handle(request, body.parse(given)) };
}

export function ok(body: object): Answer {
  return { status: 200, body };
}

/** A parameter of the path; the server has checked that it is there. */
export function parameter({ params }: Pick<ApiRequest, 'params'>, name: string): string {
  return params[name] ?? '';
}
