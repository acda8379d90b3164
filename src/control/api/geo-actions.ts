// What is done to geo-replication groups: force-unlink, force-link, flush. All of them are destructive, and each is
// a right of its own.

import { badRequest, notFound, refuse } from '../model/arm-error.ts';
import { flushBody, forceLinkBody, forceUnlinkBody } from '../model/bodies.ts';
import { checkFlush, checkForceLink, checkForceUnlink } from '../model/geo-actions.ts';
import { keyOf } from '../model/resource-id.ts';
import { updateResource } from '../store/resources.ts';
import type { Change } from '../store/store.ts';
import { checkRegion } from './database-creation.ts';
import { DATABASE, DATABASE_ACTIONS, existingDatabase } from './databases.ts';
import { GeoSnapshot, groupHold, type KnownMember, loadKnown, loadMembers } from './geo-state.ts';
import { type Begun, operationHeaders, type PollBy } from './long-running.ts';
import { type ApiParts, newOperation } from './parts.ts';
import { checkPlaceInGroup } from './placement.ts';
import { type Answer, type ApiRequest, type Route, routeWithBody } from './route.ts';

export function geoActionRoutes(parts: ApiParts): Route[] {
  return [
    routeWithBody({
      method: 'POST',
      path: `${DATABASE}/forceUnlink`,
      operationId: 'Databases_ForceUnlink',
      summary: 'Does without members that are lost. What only they have is lost to the others.',
      action: `${DATABASE_ACTIONS}/forceUnlink/action`,
      isDestructive: true,
      body: forceUnlinkBody,
      handle: async (request, { ids }) => {
        for (const id of ids.filter((one) => one.startsWith('/'))) {
          await request.authorize(`${DATABASE_ACTIONS}/forceUnlink/action`, id);
        }
        return await begun(parts, request, 'status', (change) => forceUnlink(change, request, ids));
      },
    }),
    routeWithBody({
      method: 'POST',
      path: `${DATABASE}/forceLinkToReplicationGroup`,
      operationId: 'Databases_ForceLinkToReplicationGroup',
      summary: 'Discards the data of a database and makes it a member of a group.',
      action: `${DATABASE_ACTIONS}/forceLinkToReplicationGroup/action`,
      isDestructive: true,
      body: forceLinkBody,
      handle: async (request, { geoReplication }) => {
        const wanted = {
          nickname: geoReplication.groupNickname ?? null,
          linkedIds: geoReplication.linkedDatabases.map(({ id }) => id),
        };
        for (const id of wanted.linkedIds.filter((one) => one.startsWith('/'))) {
          await request.authorize(`${DATABASE_ACTIONS}/link/action`, id);
        }
        // Some clients cannot read a status document here: they ask for the result only.
        return await begun(parts, request, 'result', (change) =>
          forceLink(change, request, wanted),
        );
      },
    }),
    routeWithBody({
      method: 'POST',
      path: `${DATABASE}/flush`,
      operationId: 'Databases_Flush',
      summary: 'Removes all keys of a database, and of all that are linked with it.',
      action: `${DATABASE_ACTIONS}/flush/action`,
      isDestructive: true,
      body: flushBody,
      handle: async (request, body) => {
        await checkFlushRights(parts, request);
        return await begun(parts, request, 'status', (change) => {
          return flush(change, request, body?.ids ?? null);
        });
      },
    }),
  ];
}

async function begun(
  parts: ApiParts,
  request: ApiRequest,
  poll: PollBy,
  begin: (change: Change) => Promise<Begun>,
): Promise<Answer> {
  const operation = await parts.store.change(begin);
  parts.runner.wake();
  return { status: 202, headers: operationHeaders(request, operation, poll) };
}

/** A flush empties all members: the right to it is needed at all of them. */
async function checkFlushRights({ store }: ApiParts, request: ApiRequest): Promise<void> {
  const { geoGroup } = await existingDatabase(store.db, request);
  const members = geoGroup === null ? [] : await loadMembers(store.db, geoGroup);
  for (const { id } of members) await request.authorize(`${DATABASE_ACTIONS}/flush/action`, id);
}

async function asked(change: Change, request: ApiRequest): Promise<KnownMember> {
  const { id } = await existingDatabase(change, request);
  const own = await loadKnown(change, id);
  if (own === undefined) throw notFound(id);
  return own;
}

async function forceUnlink(
  change: Change,
  request: ApiRequest,
  ids: readonly string[],
): Promise<Begun> {
  const own = await asked(change, request);
  const members = own.group === null ? [] : await loadMembers(change, own.group.id);
  refuse(checkForceUnlink(own, ids, members));
  const keys = [...new Set(ids.map(keyOf))];
  const operation = await newOperation(
    change,
    {
      ...{ kind: 'force-unlink', targetId: own.record.id, targetKey: own.record.key },
      ...{ subscription: own.record.subscription, location: own.cluster.location },
      ...{ input: { keys }, holds: [own.record.key, ...keys, groupHold(own.group?.id ?? '')] },
    },
    request,
  );
  for (const key of keys) {
    await updateResource(change, key, { linkState: 'Unlinking', provisioning: 'Updating' });
  }
  await updateResource(change, own.record.key, { provisioning: 'Updating', state: 'Updating' });
  return operation;
}

async function forceLink(
  change: Change,
  request: ApiRequest,
  wanted: { readonly nickname: string | null; readonly linkedIds: readonly string[] },
): Promise<Begun> {
  const own = await asked(change, request);
  const snapshot = await GeoSnapshot.of(change, wanted.linkedIds);
  const { violations, groupId } = checkForceLink(own, wanted, snapshot.known, snapshot.members);
  refuse(violations);
  if (groupId === null) throw badRequest('The linked databases are in no group.');
  refuse(await checkRegion(change, own.cluster.location, groupId, own.record.key));
  await checkPlaceInGroup(change, groupId, own.record.hosting.host);
  const { record } = own;
  const operation = await newOperation(
    change,
    {
      ...{ kind: 'force-link', targetId: record.id, targetKey: record.key },
      ...{ subscription: record.subscription, location: own.cluster.location },
      ...{ input: { group: groupId }, holds: [record.key, record.clusterKey, groupHold(groupId)] },
    },
    request,
  );
  await updateResource(change, record.key, {
    ...{ geoGroup: groupId, linkState: 'Linking', provisioning: 'Updating', state: 'Enabling' },
  });
  return operation;
}

async function flush(
  change: Change,
  request: ApiRequest,
  ids: readonly string[] | null,
): Promise<Begun> {
  const own = await asked(change, request);
  const group = own.group?.id ?? null;
  const members = group === null ? [own] : await loadMembers(change, group);
  refuse(checkFlush(own, ids, members));
  const keys = members.map(({ record }) => record.key);
  const { record } = own;
  const operation = await newOperation(
    change,
    {
      ...{ kind: 'flush', targetId: record.id, targetKey: record.key },
      ...{ subscription: record.subscription, location: own.cluster.location },
      holds: [record.key, ...keys, ...(group === null ? [] : [groupHold(group)])],
    },
    request,
  );
  for (const key of keys) {
    await updateResource(change, key, { provisioning: 'Updating', state: 'Updating' });
  }
  return operation;
}
