// Every rule of active geo-replication: what breaks it is refused with its name, the field and the two values, and
// what keeps it is not.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ApiVersion } from './api-version.ts';
import { ArmError, errorBody, refuse, type Violation } from './arm-error.ts';
import { clusterBody, databaseBody, decodeBody } from './bodies.ts';
import {
  checkFlush,
  checkForceLink,
  checkForceUnlink,
  checkUpdate,
  skusForScaling,
} from './geo-actions.ts';
import {
  type Configured,
  checkEligible,
  checkGeoUnchanged,
  type GeoRequest,
  judgeNewcomer,
  type Known,
} from './geo-rules.ts';
import { keyOf } from './resource-id.ts';
import { clusterFrom, databaseFrom } from './settings.ts';

const VERSION = ApiVersion.parse('2022-01-01');
const id = (name: string) =>
  `/subscriptions/s/resourceGroups/rg/providers/Microsoft.Cache/redisEnterprise/${name}/databases/default`;

interface Wanted {
  readonly sku?: { name: string; capacity?: number };
  readonly highAvailability?: string;
  readonly [property: string]: unknown;
}

function configured(name: string, wanted: Wanted = {}): Configured {
  const { sku = { name: 'Enterprise_E10', capacity: 2 }, highAvailability, ...properties } = wanted;
  const cluster = decodeBody(clusterBody, {
    ...{ location: 'eastus', sku, properties: { highAvailability } },
  });
  const database = decodeBody(databaseBody, {
    properties: { evictionPolicy: 'NoEviction', ...properties },
  });
  return {
    id: id(name),
    cluster: clusterFrom(cluster, VERSION),
    database: databaseFrom(database.properties ?? {}, VERSION),
  };
}

function member(name: string, wanted: Wanted = {}, changes: Partial<Known> = {}): Known {
  const group = { id: 'g', nickname: 'grp', state: 'Linked' as const };
  return { ...configured(name, wanted), isReady: true, group, ...changes };
}

const request = (...names: readonly string[]): GeoRequest => ({
  nickname: 'grp',
  linkedIds: names.map(id),
});

function judge(own: Configured, geo: GeoRequest, there: readonly Known[] = []) {
  return judgeNewcomer(
    own,
    geo,
    (wanted) => there.find((one) => keyOf(one.id) === keyOf(wanted)),
    (group) => there.filter((one) => one.group?.id === group),
  );
}

/** Exactly this rule is broken, with this field and these values. */
function assertBroken(violations: readonly Violation[], expected: Partial<Violation>): void {
  assert.equal(violations.length, 1, violations.map(({ message }) => message).join('; '));
  const [found] = violations;
  for (const [name, value] of Object.entries(expected)) {
    assert.deepEqual(Object.entries(found ?? {}).find(([key]) => key === name)?.[1], value, name);
  }
  assert.ok(found !== undefined && found.message.length > 20);
}

describe('a database that begins a group', () => {
  test('lists itself only, and becomes a new group', () => {
    assert.deepEqual(judge(configured('a'), request('a')), { violations: [], group: 'new' });
  });

  test('must list itself (R052)', () => {
    const { violations } = judge(configured('a'), { nickname: 'grp', linkedIds: [] });
    assertBroken(violations, { rule: 'OwnIdMissing', requirement: 'R052', required: id('a') });
    const joining = judge(configured('b'), request('a'), [member('a')]);
    assertBroken(joining.violations, { rule: 'OwnIdMissing', value: [id('a')] });
  });

  test('compares ids without regard to case', () => {
    const linkedIds = [id('a').toUpperCase()];
    assert.equal(judge(configured('a'), { nickname: 'grp', linkedIds }).group, 'new');
  });

  test('needs a name for the group (R051)', () => {
    const { violations } = judge(configured('a'), { ...request('a'), nickname: null });
    assertBroken(violations, { rule: 'NicknameMissing', requirement: 'R051' });
  });

  test('lists ids of databases, each once (R053, R054)', () => {
    const twice = judge(configured('a'), request('a', 'a'));
    assertBroken(twice.violations, { rule: 'LinkedDatabaseTwice', value: id('a') });
    const strange = judge(configured('a'), { nickname: 'grp', linkedIds: [id('a'), 'a'] });
    assertBroken(strange.violations, { rule: 'LinkedDatabaseInvalid', value: 'a' });
    const cache = '/subscriptions/s/resourceGroups/rg/providers/Microsoft.Cache/Redis/premium';
    const lower = judge(configured('a'), { nickname: 'grp', linkedIds: [id('a'), cache] });
    assertBroken(lower.violations, { rule: 'LinkedDatabaseInvalid', value: cache });
    assert.match(lower.violations[0]?.message ?? '', /Basic, Standard or Premium/);
  });
});

describe('what can be in a group', () => {
  const broken = (wanted: Wanted, expected: Partial<Violation>) => {
    const found = checkEligible(configured('a', wanted));
    assertBroken(found, expected);
    // The same, asked for at creation.
    assert.deepEqual(judge(configured('a', wanted), request('a')).violations, found);
  };

  test('is of a tier that has it (R011)', () => {
    for (const name of ['Balanced_B0', 'Balanced_B1', 'FlashOptimized_A250']) {
      broken({ sku: { name } }, { rule: 'TierNotEligible', requirement: 'R011', value: name });
    }
    for (const name of ['Balanced_B3', 'MemoryOptimized_M10', 'ComputeOptimized_X5']) {
      assert.deepEqual(checkEligible(configured('a', { sku: { name } })), []);
    }
  });

  test('has no modules but search and JSON (R014)', () => {
    for (const name of ['RedisBloom', 'RedisTimeSeries']) {
      broken({ modules: [{ name }] }, { rule: 'ModuleNotAllowed', value: name });
    }
    const modules = [{ name: 'RediSearch' }, { name: 'RedisJSON' }];
    assert.deepEqual(checkEligible(configured('a', { modules })), []);
  });

  test('evicts nothing where it is on flash, or searches (R015)', () => {
    const flash = { sku: { name: 'EnterpriseFlash_F300' } };
    const expected = {
      value: 'AllKeysLRU',
      required: 'NoEviction',
      field: 'properties.evictionPolicy',
    };
    broken(
      { ...flash, evictionPolicy: 'AllKeysLRU' },
      { rule: 'FlashNeedsNoEviction', ...expected },
    );
    assert.deepEqual(checkEligible(configured('a', flash)), []);
    const search = { modules: [{ name: 'RediSearch' }], evictionPolicy: 'AllKeysLRU' };
    broken(search, { rule: 'SearchNeedsNoEviction', ...expected });
    for (const evictionPolicy of ['AllKeysLRU', 'VolatileTTL', 'NoEviction']) {
      assert.deepEqual(checkEligible(configured('a', { evictionPolicy })), []);
    }
  });

  test('keeps nothing on disk (R016)', () => {
    for (const kind of ['aofEnabled', 'rdbEnabled']) {
      const field = `properties.persistence.${kind}`;
      broken(
        { persistence: { [kind]: true } },
        { rule: 'PersistenceNotAllowed', field, value: true },
      );
    }
  });

  test('is highly available', () => {
    broken(
      { highAvailability: 'Disabled' },
      { rule: 'HighAvailabilityRequired', value: 'Disabled' },
    );
  });
});

describe('a database that joins a group', () => {
  test('lists all members and itself', () => {
    const judged = judge(configured('c'), request('a', 'b', 'c'), [member('a'), member('b')]);
    assert.deepEqual(judged, { violations: [], group: 'g' });
  });

  test('must not leave out a member (R053)', () => {
    const { violations } = judge(configured('c'), request('a', 'c'), [member('a'), member('b')]);
    assertBroken(violations, { rule: 'LinkedDatabasesIncomplete', value: [id('a'), id('c')] });
    assert.match(violations[0]?.message ?? '', new RegExp(id('b')));
  });

  test('must not be the sixth (R001)', () => {
    const five = ['a', 'b', 'c', 'd', 'e'];
    const { violations } = judge(
      configured('f'),
      request(...five, 'f'),
      five.map((one) => member(one)),
    );
    assertBroken(violations, { rule: 'MembersTooMany', value: 6, required: 5 });
    assert.match(violations[0]?.message ?? '', /five/);
    const fifth = judge(
      configured('e'),
      request(...five),
      five.slice(0, 4).map((one) => member(one)),
    );
    assert.equal(fifth.group, 'g');
  });

  test('waits until every member is there and linked (R034)', () => {
    const busy = judge(configured('b'), request('a', 'b'), [member('a', {}, { isReady: false })]);
    assertBroken(busy.violations, { rule: 'MemberNotReady', isConflict: true });
    const group = { id: 'g', nickname: 'grp', state: 'Linking' as const };
    const linking = judge(configured('b'), request('a', 'b'), [member('a', {}, { group })]);
    assertBroken(linking.violations, {
      rule: 'MemberNotReady',
      value: 'Linking',
      required: 'Linked',
    });
  });

  test('names the group as its members do', () => {
    const geo = { ...request('a', 'b'), nickname: 'other' };
    const { violations } = judge(configured('b'), geo, [member('a')]);
    assertBroken(violations, { rule: 'NicknameMismatch', value: 'other', required: 'grp' });
  });

  test('cannot join what is not there, is in no group, or is in two (R013)', () => {
    const missing = judge(configured('b'), request('a', 'b'));
    assertBroken(missing.violations, { rule: 'LinkedDatabaseUnknown', value: id('a') });
    const alone = judge(configured('b'), request('a', 'b'), [member('a', {}, { group: null })]);
    assertBroken(alone.violations, { rule: 'GeoAtCreationOnly', requirement: 'R013' });
    const other = { id: 'h', nickname: 'grp', state: 'Linked' as const };
    const two = judge(configured('c'), request('a', 'b', 'c'), [
      member('a'),
      member('b', {}, { group: other }),
    ]);
    assert.ok(two.violations.some(({ rule }) => rule === 'GroupsDiffer'));
  });

  const differing: readonly [string, string, string, Wanted, unknown, unknown][] = [
    [
      'SkuMismatch',
      'R017',
      'sku.name',
      { sku: { name: 'Enterprise_E20', capacity: 2 } },
      'Enterprise_E20',
      'Enterprise_E10',
    ],
    [
      'CapacityMismatch',
      'R018',
      'sku.capacity',
      { sku: { name: 'Enterprise_E10', capacity: 4 } },
      4,
      2,
    ],
    [
      'EvictionPolicyMismatch',
      'R019',
      'properties.evictionPolicy',
      { evictionPolicy: 'AllKeysLRU' },
      'AllKeysLRU',
      'NoEviction',
    ],
    [
      'ClusteringPolicyMismatch',
      'R020',
      'properties.clusteringPolicy',
      { clusteringPolicy: 'EnterpriseCluster' },
      'EnterpriseCluster',
      'OSSCluster',
    ],
    [
      'ModulesMismatch',
      'R021',
      'properties.modules',
      { modules: [{ name: 'RedisJSON' }] },
      'RedisJSON',
      '',
    ],
    [
      'TlsMismatch',
      'R022',
      'properties.clientProtocol',
      { clientProtocol: 'Plaintext' },
      'Plaintext',
      'Encrypted',
    ],
  ];
  for (const [rule, requirement, field, wanted, value, required] of differing) {
    test(`has the same ${field} as the members (${requirement})`, () => {
      const { violations } = judge(configured('b', wanted), request('a', 'b'), [member('a')]);
      assertBroken(violations, { rule, requirement, field });
      assert.deepEqual([violations[0]?.value, violations[0]?.required], [value, required]);
    });
  }

  test('is told all that is wrong at once', () => {
    const own = configured('b', {
      sku: { name: 'Enterprise_E20', capacity: 4 },
      clientProtocol: 'Plaintext',
    });
    const { violations } = judge(own, request('a', 'b'), [member('a')]);
    const rules = violations.map(({ rule }) => rule);
    assert.deepEqual(rules, ['SkuMismatch', 'CapacityMismatch', 'TlsMismatch']);
    try {
      refuse(violations);
      assert.fail('it is refused');
    } catch (error) {
      assert.ok(error instanceof ArmError);
      assert.equal(error.status, 400);
      const text = JSON.stringify(errorBody(error));
      for (const part of [
        'SkuMismatch',
        'sku.name',
        'Enterprise_E20',
        'Enterprise_E10',
        'RuleViolation',
      ]) {
        assert.ok(text.includes(part), part);
      }
    }
  });
});

describe('a database that is there', () => {
  test('joins no group by an update (R013), and removes nobody', () => {
    const alone = member('a', {}, { group: null });
    assertBroken(checkGeoUnchanged(alone, request('a'), []), { rule: 'GeoAtCreationOnly' });
    const members = [member('a'), member('b')];
    const removing = checkGeoUnchanged(member('a'), request('a'), members);
    assertBroken(removing, { rule: 'BadRequest', requirement: 'R037' });
    const adding = checkGeoUnchanged(member('a'), request('a', 'b', 'c'), members);
    assertBroken(adding, { rule: 'GeoAtCreationOnly' });
    assert.deepEqual(checkGeoUnchanged(member('a'), request('b', 'a'), members), []);
  });

  test('keeps what all members have in common (R023)', () => {
    const others = [member('b')];
    const changed = (wanted: Wanted) => checkUpdate(member('a'), configured('a', wanted), others);
    assertBroken(changed({ evictionPolicy: 'AllKeysLRU' }), { rule: 'EvictionPolicyMismatch' });
    assertBroken(changed({ clientProtocol: 'Plaintext' }), { rule: 'TlsMismatch' });
    assertBroken(changed({ persistence: { aofEnabled: true } }), { rule: 'PersistenceNotAllowed' });
    assert.deepEqual(changed({ accessKeysAuthentication: 'Disabled' }), []);
  });

  test('is scaled one after the other, all to the same size', () => {
    const big = { sku: { name: 'Enterprise_E20', capacity: 2 } };
    const bigger = { sku: { name: 'Enterprise_E50', capacity: 2 } };
    assert.deepEqual(checkUpdate(member('a'), configured('a', big), [member('b')]), []);
    assert.deepEqual(checkUpdate(member('b'), configured('b', big), [member('a', big)]), []);
    const away = checkUpdate(member('b'), configured('b', bigger), [member('a', big)]);
    assertBroken(away, { rule: 'ScalingUnderWay' });
    const names = (others: readonly Known[]) =>
      skusForScaling(member('a').cluster, { others }).map(({ name }) => name);
    assert.deepEqual(names([member('b', big)]), ['Enterprise_E20']);
    assert.ok(names([member('b')]).includes('Enterprise_E400'));
    assert.ok(!names([member('b')]).includes('Enterprise_E5'));
  });
});

describe('what is done to a group', () => {
  const members = [member('a'), member('b'), member('c')];

  test('force-unlink names members that are not asked themselves (R039, R058)', () => {
    assert.deepEqual(checkForceUnlink(member('a'), [id('b')], members), []);
    assertBroken(checkForceUnlink(member('a'), [], members), { rule: 'UnlinkIdsMissing' });
    assertBroken(checkForceUnlink(member('a'), [id('a')], members), { rule: 'UnlinkSelf' });
    assertBroken(checkForceUnlink(member('a'), [id('x')], members), {
      rule: 'NotInGroup',
      value: id('x'),
    });
    assertBroken(checkForceUnlink(member('a'), ['b'], members), { rule: 'LinkedDatabaseInvalid' });
    const alone = member('a', {}, { group: null });
    assertBroken(checkForceUnlink(alone, [id('b')], []), { rule: 'NotInGroup' });
  });

  test('flush names all others, or nobody (R076)', () => {
    assert.deepEqual(checkFlush(member('a'), null, members), []);
    assert.deepEqual(checkFlush(member('a'), [], members), []);
    assert.deepEqual(checkFlush(member('a'), [id('c'), id('b')], members), []);
    assert.deepEqual(checkFlush(member('a'), [id('a'), id('b'), id('c')], members), []);
    assertBroken(checkFlush(member('a'), [id('b')], members), { rule: 'FlushIdsDiffer' });
    assertBroken(checkFlush(member('a'), [id('b'), id('c'), id('x')], members), {
      rule: 'FlushIdsDiffer',
    });
  });

  test('force-link names the members as they are, and itself (R013, R046)', () => {
    const alone = (wanted: Wanted = {}) => member('d', wanted, { group: null });
    const there = (wanted: string) => members.find((one) => keyOf(one.id) === keyOf(wanted));
    const check = (own: Known, geo: GeoRequest) => checkForceLink(own, geo, there, () => members);
    const fine = check(alone(), request('a', 'b', 'c', 'd'));
    assert.deepEqual(fine, { violations: [], groupId: 'g' });
    assertBroken(check(alone(), request('a', 'd')).violations, {
      rule: 'LinkedDatabasesIncomplete',
    });
    assertBroken(check(alone(), request('d')).violations, { rule: 'NotInGroup' });
    assertBroken(check(alone(), request('x', 'd')).violations, { rule: 'LinkedDatabaseUnknown' });
    const smaller = alone({ sku: { name: 'Enterprise_E20', capacity: 2 } });
    assertBroken(check(smaller, request('a', 'b', 'c', 'd')).violations, { rule: 'SkuMismatch' });
    const elsewhere = { id: 'h', nickname: 'other', state: 'Linked' as const };
    const taken = member('d', {}, { group: elsewhere });
    assertBroken(check(taken, request('a', 'b', 'c', 'd')).violations, { rule: 'GroupsDiffer' });
    assertBroken(check(alone(), { ...request('a', 'b', 'c', 'd'), nickname: 'x' }).violations, {
      ...{ rule: 'NicknameMismatch', value: 'x', required: 'grp' },
    });
  });
});
