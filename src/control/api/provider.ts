// What the provider Microsoft.Cache has and can do, and how far its operations are.

import { ArmError } from '../model/arm-error.ts';
import { ALL_LOCATIONS, displayName } from '../model/locations.ts';
import { keyOf } from '../model/resource-id.ts';
import { findOperation, type OperationRecord } from '../store/operations.ts';
import type { Db } from '../store/store.ts';
import { CLUSTER } from './clusters.ts';
import { DATABASE } from './databases.ts';
import { operationHeaders, resultAnswer, statusAnswer } from './long-running.ts';
import { type ApiParts, pathOf } from './parts.ts';
import { type ApiRequest, ok, parameter, type Route, route } from './route.ts';

const SUBSCRIPTION = '/subscriptions/:subscription';
const PROVIDER = `${SUBSCRIPTION}/providers/Microsoft.Cache`;
const VERSIONS = [
  ...['2026-02-01-preview', '2025-07-01', '2025-05-01-preview', '2024-11-01', '2024-09-01-preview'],
  ...['2023-08-01', '2022-06-01', '2022-01-01', '2021-03-01'],
];
const TYPES = ['Redis', 'redisEnterprise', 'redisEnterprise/databases', 'locations', 'operations'];

/** `routes`: all that there are, to tell what can be done. */
export function providerRoutes(parts: ApiParts, routes: () => readonly Route[]): Route[] {
  return [...metadataRoutes(routes), ...operationRoutes(parts)];
}

function metadataRoutes(routes: () => readonly Route[]): Route[] {
  const provider = (request: ApiRequest) => {
    const { subscription } = pathOf(request);
    const locations = ALL_LOCATIONS.map(displayName);
    return ok({
      id: `/subscriptions/${subscription}/providers/Microsoft.Cache`,
      ...{ namespace: 'Microsoft.Cache', registrationState: 'Registered' },
      registrationPolicy: 'RegistrationRequired',
      resourceTypes: TYPES.map((resourceType) => ({
        resourceType,
        locations,
        apiVersions: VERSIONS,
      })),
    });
  };
  return [
    route({
      method: 'GET',
      path: `${SUBSCRIPTION}/providers`,
      operationId: 'Providers_List',
      summary: 'The one provider that there is.',
      action: 'Microsoft.Resources/subscriptions/read',
      handle: (request) => Promise.resolve(ok({ value: [provider(request).body] })),
    }),
    route({
      method: 'GET',
      path: PROVIDER,
      operationId: 'Providers_Get',
      summary: 'Types of resources, their locations and versions.',
      action: 'Microsoft.Resources/subscriptions/read',
      handle: (request) => Promise.resolve(provider(request)),
    }),
    route({
      method: 'POST',
      path: `${PROVIDER}/register`,
      operationId: 'Providers_Register',
      summary: 'Registers the provider, which it always is.',
      action: 'Microsoft.Cache/register/action',
      handle: (request) => Promise.resolve(provider(request)),
    }),
    route({
      method: 'GET',
      path: '/providers/Microsoft.Cache/operations',
      operationId: 'Operations_List',
      summary: 'Actions for which rights can be given.',
      action: null,
      handle: () => {
        const named = new Map<string, string>();
        for (const { action, summary } of routes()) {
          if (action?.startsWith('Microsoft.Cache/'))
            named.set(action, named.get(action) ?? summary);
        }
        const value = [...named].map(([name, description]) => ({
          name,
          isDataAction: false,
          display: {
            provider: 'Microsoft Cache',
            resource: name.split('/').slice(1, -1).join('/'),
            operation: name.split('/').at(-1),
            description,
          },
        }));
        return Promise.resolve(ok({ value }));
      },
    }),
  ];
}

function operationRoutes({ store }: ApiParts): Route[] {
  const status = (segment: string, operationId: string) =>
    route({
      method: 'GET',
      path: `${PROVIDER}/locations/:location/${segment}/:operation`,
      operationId,
      summary: 'How far an operation is.',
      action: 'Microsoft.Cache/locations/operationsStatus/read',
      handle: async (request) => {
        const operation = await existing(store.db, request);
        return statusAnswer(operation, request.path);
      },
    });
  const result = (owner: string, operationId: string) =>
    route({
      method: 'GET',
      path: `${owner}/operationresults/:operation`,
      operationId,
      summary: 'The result of an operation: 202 while it is under way.',
      action: 'Microsoft.Cache/redisEnterprise/operationResults/read',
      handle: async (request) => {
        const operation = await existing(store.db, request);
        const owned = request.path.replace(/\/operationresults\/[^/]*$/i, '');
        if (keyOf(decodeURI(owned)) !== operation.targetKey) throw unknown(operation.id);
        const { targetId, id, location } = operation;
        const headers = operationHeaders(request, { id, targetId, location }, 'result');
        return resultAnswer(operation, headers.location ?? '');
      },
    });
  return [
    status('operationsStatus', 'OperationsStatus_Get'),
    status('asyncOperations', 'AsyncOperationStatus_Get'),
    result(CLUSTER, 'RedisEnterprise_GetOperationResult'),
    result(DATABASE, 'Databases_GetOperationResult'),
    result(`${SUBSCRIPTION}/resourceGroups/:resourceGroup`, 'ResourceGroups_GetOperationResult'),
    route({
      method: 'GET',
      path: `${PROVIDER}/locations/:location/operationresults/:operation`,
      operationId: 'OperationResults_Get',
      summary: 'The result of an operation: 202 while it is under way.',
      action: 'Microsoft.Cache/locations/operationResults/read',
      handle: async (request) => {
        const operation = await existing(store.db, request);
        const location = `${request.base}${request.path}?api-version=${request.version.text}`;
        return resultAnswer(operation, location);
      },
    }),
  ];
}

/** Of this subscription: that of another one is not there. */
async function existing(db: Db, request: ApiRequest): Promise<OperationRecord> {
  const id = parameter(request, 'operation');
  const found = await findOperation(db, id.slice(0, 60));
  const { subscription } = pathOf(request);
  if (found?.subscription.toLowerCase() === subscription.toLowerCase()) return found;
  throw unknown(id);
}

function unknown(id: string): ArmError {
  return new ArmError(404, 'OperationNotFound', `There is no operation '${id.slice(0, 60)}'.`);
}
