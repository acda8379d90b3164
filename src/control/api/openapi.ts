// The OpenAPI document, written from the same table of routes that the server serves.

import { z } from 'zod';
import type { Route } from './route.ts';

const ERROR = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'message'],
      properties: {
        code: { type: 'string', description: 'For a broken rule, its name.' },
        message: { type: 'string' },
        target: { type: 'string', description: 'The field.' },
        details: { type: 'array', items: { type: 'object' } },
        additionalInfo: {
          type: 'array',
          description: 'For each broken rule its name, the field and the two values.',
          items: { type: 'object' },
        },
      },
    },
  },
};

export function openApiDocument(routes: readonly Route[], version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = openApiPath(route.path);
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Atoll control plane',
      version,
      description: 'Compatible on the wire with Azure Resource Manager and Microsoft.Cache.',
    },
    security: [{ token: [] }],
    paths,
    components: {
      schemas: { Error: ERROR },
      securitySchemes: { token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
    },
  };
}

/** :name as {name}. */
export function openApiPath(path: string): string {
  return path.replace(/:(\w+)/g, '{$1}');
}

function operation(route: Route): object {
  const names = [...route.path.matchAll(/:(\w+)/g)].map(([, name]) => name);
  return {
    operationId: route.operationId,
    summary: route.summary,
    ...(route.action === null ? {} : { 'x-atoll-action': route.action }),
    ...(route.isDestructive === true ? { 'x-atoll-destructive': true } : {}),
    parameters: [
      ...names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
      { name: 'api-version', in: 'query', required: true, schema: { type: 'string' } },
    ],
    ...(route.body === null ? {} : { requestBody: requestBody(route.body) }),
    responses: {
      ...Object.fromEntries(statusesOf(route).map((status) => [status, { description: '' }])),
      default: {
        description: 'What stands against it.',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
      },
    },
  };
}

function requestBody(body: z.ZodType): object {
  const schema = z.toJSONSchema(body, { io: 'input', unrepresentable: 'any' });
  return { content: { 'application/json': { schema } } };
}

function statusesOf({ method, statuses }: Route): string[] {
  if (statuses !== undefined) return statuses.map(String);
  if (method === 'PUT') return ['200', '201'];
  if (method === 'DELETE') return ['202', '204'];
  if (method === 'POST') return ['200', '202'];
  return method === 'HEAD' ? ['204'] : ['200'];
}
