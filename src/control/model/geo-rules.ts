// The rules of active geo-replication, as pure functions: what stands against a request, by name, with the field
// and the two values that do not go together. Nothing is started before they all hold.

import { type FieldValue, shown, type Violation } from './arm-error.ts';
import { keyOf, parseDatabaseId } from './resource-id.ts';
import { type ClusterSettings, type DatabaseSettings, moduleNames } from './settings.ts';
import { enterpriseSku, geoTierProblem } from './skus.ts';

export const MEMBERS_MAX = 5;
/** R014: those whose commands have merge rules. */
export const GEO_MODULES: readonly string[] = ['RediSearch', 'RedisJSON'];

export type LinkState = 'Linked' | 'Linking' | 'Unlinking' | 'LinkFailed' | 'UnlinkFailed';

/** A database with what its cluster says. */
export interface Configured {
  readonly id: string;
  readonly cluster: ClusterSettings;
  readonly database: DatabaseSettings;
}

/** A database that is there already. */
export interface Known extends Configured {
  /** Whether it is created, and nothing is done to it just now. */
  readonly isReady: boolean;
  readonly group: {
    readonly id: string;
    readonly nickname: string;
    readonly state: LinkState;
  } | null;
}

/** What a request says about the group. */
export interface GeoRequest {
  readonly nickname: string | null;
  readonly linkedIds: readonly string[];
}

export type Judged =
  | { readonly violations: readonly Violation[]; readonly group?: undefined }
  | { readonly violations: readonly []; readonly group: 'new' | string };

const NICKNAME = 'properties.geoReplication.groupNickname';
const LINKED = 'properties.geoReplication.linkedDatabases';

/** What stands against this database being in any group. */
export function checkEligible({ cluster, database }: Omit<Configured, 'id'>): Violation[] {
  const sku = enterpriseSku(cluster.sku.name);
  const found: Violation[] = [];
  const tier = sku === undefined ? 'there is no such SKU' : geoTierProblem(sku);
  if (tier !== null) {
    const required =
      'Enterprise, EnterpriseFlash, Balanced from B3, MemoryOptimized, ComputeOptimized';
    const message = `SKU '${cluster.sku.name}' cannot have active geo-replication: ${tier}. It needs one of: ${required}.`;
    found.push(
      violation('TierNotEligible', 'R011', 'sku.name', cluster.sku.name, required, message),
    );
  }
  for (const { name } of database.modules.filter((one) => !GEO_MODULES.includes(one.name))) {
    const message = `Module '${name}' is not possible in a geo-replication group: only ${GEO_MODULES.join(' and ')} are.`;
    found.push(
      violation('ModuleNotAllowed', 'R014', 'properties.modules', name, GEO_MODULES, message),
    );
  }
  const { evictionPolicy, persistence } = database;
  const needsNoEviction =
    sku?.family === 'EnterpriseFlash'
      ? (['FlashNeedsNoEviction', 'R015', `flash SKU '${sku.name}'`] as const)
      : database.modules.some(({ name }) => name === 'RediSearch')
        ? (['SearchNeedsNoEviction', 'R014', "module 'RediSearch'"] as const)
        : null;
  if (needsNoEviction !== null && evictionPolicy !== 'NoEviction') {
    const [rule, requirement, why] = needsNoEviction;
    const message = `properties.evictionPolicy is '${evictionPolicy}', but with ${why} a geo-replication group needs 'NoEviction'.`;
    found.push(
      violation(
        rule,
        requirement,
        'properties.evictionPolicy',
        evictionPolicy,
        'NoEviction',
        message,
      ),
    );
  }
  if (persistence.aofEnabled || persistence.rdbEnabled) {
    const kind = persistence.aofEnabled ? 'aofEnabled' : 'rdbEnabled';
    const message = `properties.persistence.${kind} is true, but in a geo-replication group it must be false: a member that restarts is filled by the others, and a file would bring back old values.`;
    found.push(
      violation(
        'PersistenceNotAllowed',
        'R016',
        `properties.persistence.${kind}`,
        true,
        false,
        message,
      ),
    );
  }
  if (cluster.highAvailability !== 'Enabled') {
    const message = `properties.highAvailability of the cluster is '${cluster.highAvailability}', but a geo-replication group needs 'Enabled'.`;
    found.push(
      violation(
        ...(['HighAvailabilityRequired', 'R010', 'properties.highAvailability'] as const),
        cluster.highAvailability,
        'Enabled',
        message,
      ),
    );
  }
  return found;
}

/** A newcomer: it begins a group, or joins the one that the databases which it names are in. */
export function judgeNewcomer(
  own: Configured,
  request: GeoRequest,
  known: (id: string) => Known | undefined,
  members: (groupId: string) => readonly Known[],
): Judged {
  const shape = checkRequest(own.id, request);
  const eligible = checkEligible(own);
  const violations = [...shape, ...eligible];
  const others = request.linkedIds.filter((id) => keyOf(id) !== keyOf(own.id));
  // Whom to compare with cannot be told from a list that is wrong.
  if (shape.length > 0) return { violations };
  if (others.length === 0)
    return violations.length > 0 ? { violations } : { violations: [], group: 'new' };
  const found = others.map((id) => ({ id, there: known(id) }));
  const unusable = found.flatMap(({ id, there }) => checkLinked(id, there));
  if (unusable.length > 0) return { violations: [...violations, ...unusable] };
  const group = found[0]?.there?.group;
  if (group == null) return { violations };
  const all = members(group.id);
  violations.push(
    ...checkWhole(
      own,
      request,
      found.flatMap(({ there }) => there ?? []),
      all,
    ),
    ...checkNickname(request.nickname, group.nickname),
    ...all.flatMap(checkReady),
  );
  if (all[0] !== undefined) violations.push(...checkSame(own, all[0]));
  return violations.length > 0 ? { violations } : { violations: [], group: group.id };
}

function checkRequest(ownId: string, { nickname, linkedIds }: GeoRequest): Violation[] {
  const found: Violation[] = [];
  if (nickname === null) {
    const message = `${NICKNAME} is missing: a geo-replication group needs a name.`;
    found.push(violation('NicknameMissing', 'R051', NICKNAME, null, 'a name', message));
  }
  const keys = linkedIds.map(keyOf);
  if (!keys.includes(keyOf(ownId))) {
    const message = `${LINKED} is ${shown(linkedIds)}, but it must name the database that is created itself too: '${ownId}'.`;
    found.push(violation('OwnIdMissing', 'R052', LINKED, linkedIds, ownId, message));
  }
  const twice = linkedIds.find((_, index) => keys.indexOf(keys[index] ?? '') !== index);
  if (twice !== undefined) {
    const message = `${LINKED} names '${twice}' more than once.`;
    found.push(violation('LinkedDatabaseTwice', 'R053', LINKED, twice, 'once', message));
  }
  if (new Set(keys).size > MEMBERS_MAX) {
    const message = `${LINKED} names ${new Set(keys).size} databases, but a geo-replication group has at most five (${MEMBERS_MAX}) members.`;
    found.push(
      violation('MembersTooMany', 'R001', LINKED, new Set(keys).size, MEMBERS_MAX, message),
    );
  }
  for (const id of linkedIds.filter((one) => parseDatabaseId(one) === null)) {
    const form =
      '/subscriptions/S/resourceGroups/G/providers/Microsoft.Cache/redisEnterprise/C/databases/default';
    const wrong = /\/providers\/Microsoft\.Cache\/redis\//i.test(id)
      ? `'${id}' is a cache of class Basic, Standard or Premium, which cannot have active geo-replication (Premium can be linked passively)`
      : `'${id}' is not the id of a database`;
    found.push(
      violation(
        'LinkedDatabaseInvalid',
        'R054',
        LINKED,
        id,
        form,
        `${LINKED}: ${wrong}. Ids look like ${form}.`,
      ),
    );
  }
  return found;
}

function checkLinked(id: string, there: Known | undefined): Violation[] {
  if (there === undefined) {
    const message = `${LINKED} names '${id}', which does not exist.`;
    return [
      violation('LinkedDatabaseUnknown', 'R053', LINKED, id, 'an existing database', message),
    ];
  }
  if (there.group !== null) return [];
  const message = `${LINKED} names '${id}', which is in no geo-replication group: that is decided when a database is created. Delete it and create it again with a group.`;
  return [violation('GeoAtCreationOnly', 'R013', LINKED, id, 'a member of a group', message)];
}

/** The list must be the group as it is, and the newcomer. */
function checkWhole(
  own: Configured,
  { linkedIds }: GeoRequest,
  named: readonly Known[],
  members: readonly Known[],
): Violation[] {
  const groups = new Set(named.map(({ group }) => group?.id));
  if (groups.size > 1) {
    const names = named.map(({ group }) => group?.nickname ?? '');
    const message = `${LINKED} names databases of ${groups.size} groups (${names.join(', ')}): groups cannot be merged.`;
    return [violation('GroupsDiffer', 'R053', LINKED, names, names[0] ?? '', message)];
  }
  const keys = new Set(linkedIds.map(keyOf));
  const missing = members.filter(({ id }) => !keys.has(keyOf(id))).map(({ id }) => id);
  const found: Violation[] = [];
  if (missing.length > 0) {
    const message = `${LINKED} must name every member of the group and the new one. It lacks ${missing.join(', ')}.`;
    found.push(
      violation(
        'LinkedDatabasesIncomplete',
        'R053',
        LINKED,
        linkedIds,
        [...members.map(({ id }) => id), own.id],
        message,
      ),
    );
  }
  if (members.length >= MEMBERS_MAX) {
    const message = `The geo-replication group has ${members.length} members and can have at most five (${MEMBERS_MAX}).`;
    found.push(
      violation('MembersTooMany', 'R001', LINKED, members.length + 1, MEMBERS_MAX, message),
    );
  }
  return found;
}

function checkNickname(wanted: string | null, nickname: string): Violation[] {
  if (wanted === nickname) return [];
  const message = `${NICKNAME} is ${shown(wanted)}, but the group of the linked databases is '${nickname}'.`;
  return [violation('NicknameMismatch', 'R053', NICKNAME, wanted, nickname, message)];
}

/** R034, R066. */
function checkReady({ id, isReady, group }: Known): Violation[] {
  if (isReady && group?.state === 'Linked') return [];
  const state = isReady ? (group?.state ?? 'not linked') : 'busy';
  const message = `'${id}' is ${state === 'busy' ? 'still being created or changed' : `'${state}'`}: every member must be 'Linked' and at rest before another one joins. Try again when it has finished.`;
  return [
    { ...violation('MemberNotReady', 'R034', LINKED, state, 'Linked', message), isConflict: true },
  ];
}

interface Sameness {
  readonly rule: string;
  readonly requirement: string;
  readonly field: string;
  readonly of: (one: Configured) => FieldValue;
}

/** R017 to R022. */
const SAME: readonly Sameness[] = [
  {
    rule: 'SkuMismatch',
    requirement: 'R017',
    field: 'sku.name',
    of: (one) => one.cluster.sku.name,
  },
  {
    ...{ rule: 'CapacityMismatch', requirement: 'R018', field: 'sku.capacity' },
    of: (one) => one.cluster.sku.capacity,
  },
  {
    ...{ rule: 'EvictionPolicyMismatch', requirement: 'R019', field: 'properties.evictionPolicy' },
    of: (one) => one.database.evictionPolicy,
  },
  {
    ...{
      rule: 'ClusteringPolicyMismatch',
      requirement: 'R020',
      field: 'properties.clusteringPolicy',
    },
    of: (one) => one.database.clusteringPolicy,
  },
  {
    ...{ rule: 'ModulesMismatch', requirement: 'R021', field: 'properties.modules' },
    of: (one) => moduleNames(one.database),
  },
  {
    ...{ rule: 'TlsMismatch', requirement: 'R022', field: 'properties.clientProtocol' },
    of: (one) => one.database.clientProtocol,
  },
];

/** In what a database differs from a member of its group, though all must be the same. */
export function checkSame(own: Configured, member: Configured): Violation[] {
  return SAME.flatMap(({ rule, requirement, field, of }) => {
    const [mine, theirs] = [of(own), of(member)];
    if (mine === theirs) return [];
    const message = `All members of a geo-replication group have the same ${field}: here it is ${shown(mine)}, that of '${member.id}' is ${shown(theirs)}.`;
    return [violation(rule, requirement, field, mine, theirs, message)];
  });
}

/** Everything that only the creation decides, of an update that names the group once more. */
export function checkGeoUnchanged(
  own: Known,
  request: GeoRequest,
  members: readonly Known[],
): Violation[] {
  if (own.group === null) {
    const message = `'${own.id}' was created without geo-replication, and a running database cannot join a group by an update. Use forceLinkToReplicationGroup, which discards its data, or delete it and create it again.`;
    return [
      violation(
        'GeoAtCreationOnly',
        'R013',
        'properties.geoReplication',
        request.nickname,
        null,
        message,
      ),
    ];
  }
  const named = new Set(request.linkedIds.map(keyOf));
  const missing = members.filter(({ id }) => !named.has(keyOf(id)));
  if (missing.length > 0) {
    const message = `Linked databases cannot be removed with this API: ${LINKED} lacks ${missing.map(({ id }) => id).join(', ')}. Delete the database to let it leave its group, or use forceUnlink.`;
    return [
      violation(
        'BadRequest',
        'R037',
        LINKED,
        request.linkedIds,
        members.map(({ id }) => id),
        message,
      ),
    ];
  }
  const added = request.linkedIds.filter(
    (id) => !members.some((one) => keyOf(one.id) === keyOf(id)),
  );
  if (added.length > 0) {
    const message = `${LINKED} names ${added.join(', ')}, which is no member of the group: a database joins when it is created.`;
    return [
      violation(
        'GeoAtCreationOnly',
        'R013',
        LINKED,
        request.linkedIds,
        members.map(({ id }) => id),
        message,
      ),
    ];
  }
  return request.nickname === null ? [] : checkNickname(request.nickname, own.group.nickname);
}

export function violation(
  rule: string,
  requirement: string,
  field: string,
  value: FieldValue,
  required: FieldValue,
  message: string,
): Violation {
  return { rule, requirement, field, value, required, message };
}
