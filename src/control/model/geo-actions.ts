// The rules of what is done to members of a geo-replication group once they are there: force-unlink, force-link,
// flush, and changes of what all members have in common.

import type { Violation } from './arm-error.ts';
import {
  type Configured,
  checkEligible,
  checkSame,
  type GeoRequest,
  type Known,
  MEMBERS_MAX,
  violation,
} from './geo-rules.ts';
import { keyOf, parseDatabaseId } from './resource-id.ts';
import type { ClusterSettings, DatabaseSettings } from './settings.ts';
import { ENTERPRISE_SKUS, enterpriseSku, geoTierProblem } from './skus.ts';

const same = (a: string, b: string): boolean => keyOf(a) === keyOf(b);
const ID_FORM =
  '/subscriptions/S/resourceGroups/G/providers/Microsoft.Cache/redisEnterprise/C/databases/default';

/** R039: the ids are members that are lost; the database that is asked is one that stays. */
export function checkForceUnlink(
  asked: Known,
  ids: readonly string[],
  members: readonly Known[],
): Violation[] {
  if (asked.group === null)
    return [notInGroup(asked.id, 'Only members of a group can be unlinked.')];
  if (ids.length === 0) {
    const message = 'ids is empty: it must name the members to unlink.';
    return [violation('UnlinkIdsMissing', 'R058', 'ids', [], 'ids of members', message)];
  }
  const memberIds = members.map(({ id }) => id);
  return ids.flatMap((id) => {
    if (parseDatabaseId(id) === null) return [wrongId(id)];
    if (same(id, asked.id)) {
      const message = `ids names '${id}', the database that is asked itself: force-unlink is asked of a member that stays.`;
      return [violation('UnlinkSelf', 'R039', 'ids', id, memberIds, message)];
    }
    if (memberIds.some((member) => same(member, id))) return [];
    const message = `ids names '${id}', which is no member of the group '${asked.group?.nickname}'. Its members are ${memberIds.join(', ')}.`;
    return [violation('NotInGroup', 'R058', 'ids', id, memberIds, message)];
  });
}

/** R076: all members are flushed, so the list is either left out or names all others. */
export function checkFlush(
  asked: Known,
  ids: readonly string[] | null,
  members: readonly Known[],
): Violation[] {
  const others = members.filter(({ id }) => !same(id, asked.id)).map(({ id }) => id);
  const given = (ids ?? []).filter((id) => !same(id, asked.id));
  if (ids === null || ids.length === 0) return [];
  const invalid = given.find((id) => parseDatabaseId(id) === null);
  if (invalid !== undefined) return [wrongId(invalid)];
  const strange = given.filter((id) => !others.some((other) => same(other, id)));
  const missing = others.filter((other) => !given.some((id) => same(other, id)));
  if (strange.length === 0 && missing.length === 0) return [];
  const what = strange.length > 0 ? `names ${strange.join(', ')}` : `lacks ${missing.join(', ')}`;
  const message = `ids ${what}: a flush removes the data of all linked databases, so ids, where given, are all others of the group: ${others.join(', ') || 'none'}.`;
  return [violation('FlushIdsDiffer', 'R076', 'ids', ids, others, message)];
}

/** R013, R046: a database that is in no group, or was unlinked from one, is wiped and becomes a member. */
export function checkForceLink(
  own: Known,
  request: GeoRequest,
  known: (id: string) => Known | undefined,
  members: (groupId: string) => readonly Known[],
): { violations: readonly Violation[]; groupId: string | null } {
  const field = 'geoReplication.linkedDatabases';
  const others = request.linkedIds.filter((id) => !same(id, own.id));
  const invalid = others.filter((id) => parseDatabaseId(id) === null).map(wrongId);
  if (invalid.length > 0) return { violations: invalid, groupId: null };
  const found = others.flatMap((id) => known(id) ?? []);
  const group = found.map((one) => one.group).find((one) => one !== null);
  if (group === undefined || group === null) {
    const message = `${field} names no member of a group to link with: it must name all members of the group, and '${own.id}'.`;
    const rule = found.length < others.length ? 'LinkedDatabaseUnknown' : 'NotInGroup';
    return {
      violations: [
        violation(rule, 'R013', field, request.linkedIds, 'the members of a group', message),
      ],
      groupId: null,
    };
  }
  const present = members(group.id).filter(({ id }) => !same(id, own.id));
  const violations: Violation[] = [...checkEligible(own)];
  if (own.group !== null && own.group.id !== group.id) {
    const message = `'${own.id}' is a member of the group '${own.group.nickname}', and two groups cannot be merged. Delete it, or unlink it there first.`;
    violations.push(
      violation('GroupsDiffer', 'R013', field, own.group.nickname, group.nickname, message),
    );
  }
  const expected = [...present.map(({ id }) => id), own.id];
  const isWhole =
    expected.every((id) => request.linkedIds.some((one) => same(one, id))) &&
    request.linkedIds.every((id) => expected.some((one) => same(one, id)));
  if (!isWhole) {
    const message = `${field} must be the members that are expected, which are ${expected.join(', ')}.`;
    violations.push(
      violation('LinkedDatabasesIncomplete', 'R053', field, request.linkedIds, expected, message),
    );
  }
  if (request.nickname !== null && request.nickname !== group.nickname) {
    const message = `geoReplication.groupNickname is '${request.nickname}', but the group of the linked databases is '${group.nickname}'.`;
    violations.push(
      violation(
        'NicknameMismatch',
        'R053',
        'geoReplication.groupNickname',
        request.nickname,
        group.nickname,
        message,
      ),
    );
  }
  if (expected.length > MEMBERS_MAX) {
    const message = `With '${own.id}' the group would have ${expected.length} members, and can have at most five (${MEMBERS_MAX}).`;
    violations.push(
      violation('MembersTooMany', 'R001', field, expected.length, MEMBERS_MAX, message),
    );
  }
  const [first] = present;
  if (first !== undefined) violations.push(...checkSame(own, first));
  return { violations, groupId: group.id };
}

/** R023: what all members have in common cannot be changed in one of them; sizes, one after the other. */
export function checkUpdate(
  own: Known,
  changed: { readonly cluster: ClusterSettings; readonly database: DatabaseSettings },
  others: readonly Known[],
): Violation[] {
  if (own.group === null) return [];
  const after: Configured = { id: own.id, ...changed };
  const violations = checkEligible(after);
  const [other] = others;
  if (other === undefined) return violations;
  const differing = checkSame(after, other).filter(({ rule }) => {
    return rule !== 'SkuMismatch' && rule !== 'CapacityMismatch';
  });
  return [...violations, ...differing, ...checkScaling(own, changed.cluster, others)];
}

/** One member begins to scale while all are equal; until they are again the others can only follow. */
function checkScaling(own: Known, wanted: ClusterSettings, others: readonly Known[]): Violation[] {
  const text = ({ sku }: ClusterSettings): string => `${sku.name} (${sku.capacity ?? '-'})`;
  if (text(own.cluster) === text(wanted)) return [];
  const possible = [...new Set(others.map(({ cluster }) => text(cluster)))];
  const areEqual = possible.every((one) => one === text(own.cluster));
  if (areEqual || possible.includes(text(wanted))) return [];
  const message = `The group '${own.group?.nickname}' is being scaled: until all members are equal again, sku.name can only become ${possible.join(' or ')}, not ${text(wanted)}.`;
  return [violation('ScalingUnderWay', 'R023', 'sku.name', text(wanted), possible, message)];
}

/** R059: what a cluster can be scaled to, with its sizes: greater ones of its family. */
export function skusForScaling(
  { sku }: ClusterSettings,
  member: { readonly others: readonly Known[] } | null,
): { name: string; sizeInGB: number }[] {
  const now = enterpriseSku(sku.name);
  const answer = (names: readonly string[]) =>
    ENTERPRISE_SKUS.filter(({ name }) => names.includes(name)).map(({ name, sizeGB }) => ({
      name,
      sizeInGB: sizeGB,
    }));
  if (now === undefined) return [];
  const different = (member?.others ?? []).map((one) => one.cluster.sku.name);
  const ahead = different.filter((name) => name !== sku.name);
  if (ahead.length > 0) return answer(ahead);
  const greater = ENTERPRISE_SKUS.filter(
    (one) =>
      one.sizeGB >= now.sizeGB &&
      one.name !== now.name &&
      (member === null || geoTierProblem(one) === null) &&
      isSameGeneration(one.family, now.family),
  );
  return answer(greater.map(({ name }) => name));
}

function isSameGeneration(a: string, b: string): boolean {
  const isOld = (family: string): boolean =>
    family === 'Enterprise' || family === 'EnterpriseFlash';
  return isOld(a) || isOld(b) ? a === b : true;
}

function wrongId(id: string): Violation {
  const message = `'${id}' is not the id of a database. Ids look like ${ID_FORM}.`;
  return violation('LinkedDatabaseInvalid', 'R054', 'ids', id, ID_FORM, message);
}

function notInGroup(id: string, why: string): Violation {
  const message = `'${id}' is in no geo-replication group. ${why}`;
  return violation('NotInGroup', 'R006', 'id', id, 'a member of a group', message);
}
