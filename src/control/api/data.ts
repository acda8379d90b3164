// Export and import of what databases and caches hold. What a URL is signed with is in no answer and no log, and
// sealed in the database.

import { ArmError, badRequest } from '../model/arm-error.ts';
import {
  cacheExportBody,
  cacheImportBody,
  databaseExportBody,
  databaseImportBody,
} from '../model/data-bodies.ts';
import { sealUris } from '../operations/data-operations.ts';
import { updateResource } from '../store/resources.ts';
import { CACHE, CACHE_ACTIONS } from './caches.ts';
import { DATABASE, DATABASE_ACTIONS, existingDatabase } from './databases.ts';
import { groupHold, type KnownMember, loadMembers } from './geo-state.ts';
import { type Begun, cacheHeaders, operationHeaders } from './long-running.ts';
import { type ApiParts, newOperation, notRunning } from './parts.ts';
import { type Answer, type ApiRequest, parameter, type Route, routeWithBody } from './route.ts';
import { targetOf } from './target.ts';

export function dataRoutes(parts: ApiParts): Route[] {
  return [...databaseRoutes(parts), ...cacheRoutes(parts)];
}

function databaseRoutes(parts: ApiParts): Route[] {
  return [
    routeWithBody({
      method: 'POST',
      path: `${DATABASE}/export`,
      operationId: 'Databases_Export',
      summary: 'Writes what a database holds to a container, or a folder, as an RDB file.',
      action: `${DATABASE_ACTIONS}/export/action`,
      body: databaseExportBody,
      handle: async (request, { sasUri }) => {
        const prefix = `${parameter(request, 'cluster')}-${parameter(request, 'database')}`;
        const wish = { uri: sasUri, field: 'sasUri', prefix };
        const begun = await beginExport(parts, request, wish);
        return { status: 202, headers: operationHeaders(request, begun) };
      },
    }),
    routeWithBody({
      method: 'POST',
      path: `${DATABASE}/import`,
      operationId: 'Databases_Import',
      summary:
        'Replaces what a database holds, and all that are linked with it, by what RDB files hold.',
      action: `${DATABASE_ACTIONS}/import/action`,
      isDestructive: true,
      body: databaseImportBody,
      handle: async (request, { sasUris, sasUri }) => {
        await checkMembersRights(parts, request);
        const uris = sasUris ?? (sasUri == null ? [] : [sasUri]);
        const begun = await beginImport(parts, request, uris, 'sasUris');
        return { status: 202, headers: operationHeaders(request, begun) };
      },
    }),
  ];
}

function cacheRoutes(parts: ApiParts): Route[] {
  const accepted = (request: ApiRequest, begun: Begun): Answer => ({
    status: 202,
    headers: cacheHeaders(request, begun),
  });
  return [
    routeWithBody({
      method: 'POST',
      path: `${CACHE}/export`,
      operationId: 'Redis_ExportData',
      summary: 'Writes what a cache holds to a container, or a folder, as an RDB file.',
      action: `${CACHE_ACTIONS}/export/action`,
      body: cacheExportBody,
      handle: async (request, { prefix, container }) => {
        const wish = { uri: container, field: 'container', prefix };
        return accepted(request, await beginExport(parts, request, wish));
      },
    }),
    routeWithBody({
      method: 'POST',
      path: `${CACHE}/import`,
      operationId: 'Redis_ImportData',
      summary: 'Replaces what a cache holds by what RDB files hold.',
      action: `${CACHE_ACTIONS}/import/action`,
      isDestructive: true,
      body: cacheImportBody,
      handle: async (request, { files }) =>
        accepted(request, await beginImport(parts, request, files, 'files')),
    }),
  ];
}

/** An import empties all members first: the right to it is needed at all of them. */
async function checkMembersRights({ store }: ApiParts, request: ApiRequest): Promise<void> {
  const { geoGroup } = await existingDatabase(store.db, request);
  const members = geoGroup === null ? [] : await loadMembers(store.db, geoGroup);
  for (const { id } of members) await request.authorize(`${DATABASE_ACTIONS}/import/action`, id);
}

interface ExportRequest {
  readonly uri: string;
  /** Where it stands in the body. */
  readonly field: string;
  readonly prefix: string;
}

async function beginExport(
  { store, places, plans, runner }: ApiParts,
  request: ApiRequest,
  { uri, field, prefix }: ExportRequest,
): Promise<Begun> {
  places.judge(uri, field);
  const stamp = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const begun = await store.change(async (change) => {
    const { id, key, subscription, location, isRunning } = await targetOf(change, request);
    if (!isRunning) throw notRunning(id);
    const sealed = sealUris(plans.sealer, [uri], key);
    const operation = await newOperation(
      change,
      {
        ...{ kind: 'export-data', targetId: id, targetKey: key, subscription, location },
        ...{ input: { sealed, fileName: `${prefix}-${stamp}.rdb` }, holds: [key] },
      },
      request,
    );
    await updateResource(change, key, { provisioning: 'Updating', state: 'Updating' });
    return operation;
  });
  runner.wake();
  return begun;
}

async function beginImport(
  { store, places, plans, runner }: ApiParts,
  request: ApiRequest,
  uris: readonly string[],
  field: string,
): Promise<Begun> {
  if (uris.length === 0) throw badRequest(`${field} is empty: it names the files.`, field);
  for (const [index, uri] of uris.entries()) places.judge(uri, `${field}.${index}`);
  const begun = await store.change(async (change) => {
    const target = await targetOf(change, request);
    const { id, key, subscription, location, geoGroup } = target;
    if (!target.isRunning) throw notRunning(id);
    if (target.isUnlinked) throw unlinked(id);
    const members = geoGroup === null ? [] : await loadMembers(change, geoGroup);
    const keys = [...new Set([key, ...members.map(({ record }) => record.key)])];
    const operation = await newOperation(
      change,
      {
        ...{ kind: 'import-data', targetId: id, targetKey: key, subscription, location },
        input: { sealed: sealUris(plans.sealer, uris, key) },
        holds: [...keys, ...(geoGroup === null ? [] : [groupHold(geoGroup)])],
      },
      request,
    );
    for (const member of members) checkLinked(member);
    for (const one of keys) {
      await updateResource(change, one, { provisioning: 'Updating', state: 'Updating' });
    }
    return operation;
  });
  runner.wake();
  return begun;
}

function checkLinked({ id, group }: KnownMember): void {
  if (group?.state === 'Linked') return;
  throw new ArmError(
    409,
    'MemberNotReady',
    `An import empties all members of the group first, and '${id}' is '${group?.state}': it must be 'Linked'. Wait, or force-unlink it.`,
    { target: id },
  );
}

function unlinked(id: string): ArmError {
  return new ArmError(
    409,
    'ResourceNotReady',
    `'${id}' was unlinked from its group and only gives what it holds: force-link it, or delete it.`,
    { target: id },
  );
}
