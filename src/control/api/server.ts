// The HTTP server of the control plane. For each request, in this order: who asks, in which version, whether they
// may, whether the names and the body are sound; then the handler. Whatever is wrong is answered in the one shape
// that clients know, also where the framework finds it.

import { randomUUID } from 'node:crypto';
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import type { Logger } from 'pino';
import { authorize } from '../identity/principals.ts';
import type { Caller } from '../identity/tokens.ts';
import { ApiVersion } from '../model/api-version.ts';
import { ArmError, errorBody } from '../model/arm-error.ts';
import { decodeBody } from '../model/bodies.ts';
import {
  isCacheName,
  isEnterpriseName,
  isPartName,
  isResourceGroupName,
  isSubscriptionId,
} from '../model/resource-id.ts';
import { checkStorable, isStorable, printableText } from '../model/text-safety.ts';
import { recordActivity } from '../store/activity.ts';
import { addAuthority } from './authority.ts';
import type { ApiParts } from './parts.ts';
import type { Answer, ApiRequest, Route } from './route.ts';

const BODY_BYTES_MAX = 1024 * 1024;
const PARAMETER_MAX = 300;

export interface ServerOptions {
  readonly parts: ApiParts;
  readonly routes: readonly Route[];
  readonly document: object;
  readonly log: Logger;
  /** null: plain HTTP. */
  readonly tls: { readonly key: string; readonly cert: string } | null;
  /** A proxy in front says how it was called. */
  readonly trustsProxy: boolean;
}

export function createServer(options: ServerOptions): FastifyInstance {
  const common = {
    bodyLimit: BODY_BYTES_MAX,
    trustProxy: options.trustsProxy,
    routerOptions: {
      caseSensitive: false,
      ignoreTrailingSlash: true,
      maxParamLength: PARAMETER_MAX,
    },
    frameworkErrors: (error: FastifyError, request: FastifyRequest, reply: FastifyReply) =>
      sendError(options.log, request, reply, error),
    logger: false,
    forceCloseConnections: true,
  } as const;
  const server: FastifyInstance =
    options.tls === null ? Fastify(common) : asPlain(Fastify({ ...common, https: options.tls }));
  server.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => done(null, Object.fromEntries(new URLSearchParams(String(body)))),
  );
  acceptEmptyJson(server);
  server.setErrorHandler((error: FastifyError, request, reply) =>
    sendError(options.log, request, reply, error),
  );
  server.setNotFoundHandler((request, reply) => {
    const what = `${request.method} ${printableText(request.url, 200)}`;
    const error = new ArmError(404, 'InvalidResourceType', `There is nothing at ${what}.`);
    return sendError(options.log, request, reply, error);
  });
  addAuthority(server, { ...options.parts, baseOf });
  server.get('/openapi.json', () => options.document);
  for (const route of options.routes) addRoute(server, options, route);
  return server;
}

/** Fastify's types tell a server with TLS from one without; nothing here does. */
function asPlain(server: object): FastifyInstance {
  return server as FastifyInstance;
}

/** Clients say that they send JSON where they send nothing. */
function acceptEmptyJson(server: FastifyInstance): void {
  const parse = server.getDefaultJsonParser('error', 'error');
  server.removeContentTypeParser('application/json');
  server.addContentTypeParser(
    ['application/json', 'text/json'],
    { parseAs: 'string' },
    (request, body, done) => {
      if (String(body).trim() === '') done(null, undefined);
      else parse(request, String(body), done);
    },
  );
}

function addRoute(server: FastifyInstance, options: ServerOptions, route: Route): void {
  server.route({
    method: route.method,
    url: route.path,
    ...(route.method === 'GET' ? { exposeHeadRoute: false } : {}),
    handler: async (request, reply) => await serve(options, route, { request, reply }),
  });
}

interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

async function serve(options: ServerOptions, route: Route, exchange: Exchange): Promise<unknown> {
  const { request, reply } = exchange;
  const { parts } = options;
  let caller: Caller | null = null;
  try {
    caller = await parts.tokens.verify(request.headers.authorization);
    const api = apiRequest(parts, request, caller);
    checkNames(api);
    if (route.action !== null) await api.authorize(route.action, api.scope);
    await checkSubscription(parts, api);
    checkStorable(request.body);
    const body = route.body === null ? undefined : decodeBody(route.body, request.body);
    const answer = await route.handle(api, body);
    await record(options, route, { exchange, caller, status: answer.status, error: null });
    return send(reply, answer);
  } catch (error) {
    const known = asArmError(options.log, request, error);
    if (caller !== null) {
      await record(options, route, { exchange, caller, status: known.status, error: known });
    }
    return sendError(options.log, request, reply, known);
  }
}

function apiRequest(parts: ApiParts, request: FastifyRequest, caller: Caller): ApiRequest {
  const query = asRecord(request.query);
  const params = Object.fromEntries(
    Object.entries(asRecord(request.params)).map(([name, value]) => [name, String(value)]),
  );
  return {
    ...{ params, query, scope: scopeOf(params) },
    version: ApiVersion.parse(query['api-version']),
    caller,
    path: request.url.split('?')[0] ?? '',
    base: baseOf(request),
    requestId: requestIdOf(request),
    authorize: (action, scope) => authorize(parts.store.db, caller, { action, scope }),
  };
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

const NAME_RULES: Readonly<Record<string, (name: string) => boolean>> = {
  resourceGroup: isResourceGroupName,
  cluster: isEnterpriseName,
  database: isEnterpriseName,
  cache: isCacheName,
  assignment: isPartName,
  policy: isPartName,
  rule: isPartName,
  schedule: isPartName,
};

function checkNames({ params, query }: ApiRequest): void {
  for (const value of Object.values(query)) {
    if (typeof value === 'string' && !isStorable(value)) {
      throw new ArmError(400, 'BadRequest', 'The query holds text that is no valid Unicode.');
    }
  }
  if (params.subscription !== undefined && !isSubscriptionId(params.subscription)) {
    throw noSubscription(params.subscription);
  }
  for (const [kind, name] of Object.entries(params)) {
    if (NAME_RULES[kind]?.(name) !== false && isStorable(name)) continue;
    throw new ArmError(
      400,
      'InvalidResourceName',
      `'${printableText(name, 100)}' is no name of a ${kind}.`,
      { target: kind },
    );
  }
}

/** The resource that a request is about: the path up to what is done to it. */
function scopeOf(params: ApiRequest['params']): string {
  const { subscription, resourceGroup, cluster, database, cache } = params;
  if (subscription === undefined) return '/';
  if (resourceGroup === undefined) return `/subscriptions/${subscription}`;
  const group = `/subscriptions/${subscription}/resourceGroups/${resourceGroup}`;
  if (cache !== undefined) return `${group}/providers/Microsoft.Cache/Redis/${cache}`;
  if (cluster === undefined) return group;
  const clusterId = `${group}/providers/Microsoft.Cache/redisEnterprise/${cluster}`;
  return database === undefined ? clusterId : `${clusterId}/databases/${database}`;
}

async function checkSubscription({ store }: ApiParts, { params }: ApiRequest): Promise<void> {
  if (params.subscription === undefined) return;
  const found = await store.db
    .selectFrom('subscriptions')
    .select('id')
    .where('id', '=', params.subscription.toLowerCase())
    .executeTakeFirst();
  if (found === undefined) throw noSubscription(params.subscription);
}

function noSubscription(id: string): ArmError {
  const name = printableText(id, 100);
  return new ArmError(
    404,
    'SubscriptionNotFound',
    `The subscription '${name}' could not be found.`,
  );
}

interface Done {
  readonly exchange: Exchange;
  readonly caller: Caller;
  readonly status: number;
  readonly error: ArmError | null;
}

/** Reading leaves no trace; listing keys does. */
async function record(options: ServerOptions, route: Route, done: Done): Promise<void> {
  if (route.method === 'GET' || route.method === 'HEAD' || route.action === null) return;
  const { request } = done.exchange;
  const params = asRecord(request.params);
  const reason = request.headers['x-atoll-reason'];
  try {
    await recordActivity(options.parts.store.db, {
      caller: done.caller.login,
      action: route.action,
      targetId: request.url.split('?')[0] ?? '',
      subscription: printableText(String(params.subscription ?? ''), 100),
      httpStatus: done.status,
      code: done.error?.code ?? null,
      message: done.error?.message ?? null,
      reason: typeof reason === 'string' ? reason : null,
      requestId: requestIdOf(request),
      correlationId: String(request.headers['x-ms-correlation-request-id'] ?? requestIdOf(request)),
    });
  } catch (err) {
    options.log.error({ err }, 'the activity log could not be written');
  }
}

const requestIds = new WeakMap<object, string>();

function requestIdOf(request: FastifyRequest): string {
  const id = requestIds.get(request) ?? randomUUID();
  requestIds.set(request, id);
  return id;
}

/** Scheme and host as the client used them. */
function baseOf(request: FastifyRequest): string {
  const host = /^[A-Za-z0-9.:[\]-]{1,255}$/.test(request.host) ? request.host : 'localhost';
  return `${request.protocol}://${host}`;
}

function send(reply: FastifyReply, { status, body, headers }: Answer): FastifyReply {
  setCommonHeaders(reply);
  for (const [name, value] of Object.entries(headers ?? {})) void reply.header(name, value);
  void reply.code(status);
  return body === undefined ? reply.send() : reply.send(body);
}

function setCommonHeaders(reply: FastifyReply): void {
  const id = requestIdOf(reply.request);
  const client = reply.request.headers['x-ms-client-request-id'];
  void reply.headers({
    'cache-control': 'no-cache',
    'x-ms-request-id': id,
    'x-ms-correlation-request-id': id,
    ...(typeof client === 'string' && /^[\w.-]{1,100}$/.test(client)
      ? { 'x-ms-client-request-id': client }
      : {}),
  });
}

function sendError(
  log: Logger,
  request: FastifyRequest,
  reply: FastifyReply,
  error: Error,
): FastifyReply {
  const known = asArmError(log, request, error);
  setCommonHeaders(reply);
  if (known.status === 401) void reply.header('www-authenticate', 'Bearer realm="atoll"');
  return reply.code(known.status).send(errorBody(known));
}

function asArmError(log: Logger, request: FastifyRequest, error: unknown): ArmError {
  if (error instanceof ArmError) return error;
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
  if (error instanceof Error && status >= 400 && status < 500) {
    return new ArmError(status, CODES[status] ?? 'BadRequest', printableText(error.message, 300));
  }
  const id = requestIdOf(request);
  log.error(
    { err: error, requestId: id, method: request.method, path: request.url.split('?')[0] },
    'a request failed',
  );
  return new ArmError(
    500,
    'InternalServerError',
    `An internal error occurred. Its request id is ${id}.`,
  );
}

const CODES: Readonly<Record<number, string>> = {
  400: 'InvalidRequestContent',
  404: 'InvalidResourceType',
  405: 'MethodNotAllowed',
  413: 'RequestEntityTooLarge',
  414: 'RequestUriTooLong',
  415: 'UnsupportedMediaType',
};
