// Ids, versions, locations, SKUs, bodies, paging, roles and the state machine of operations.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ApiVersion } from './api-version.ts';
import { clusterBody, databaseBody, decodeBody } from './bodies.ts';
import { cacheBody, cacheFrom } from './cache-settings.ts';
import { ALL_LOCATIONS, displayName, locationNamed } from './locations.ts';
import { advance, BEGINNING, type Outcome, type Progress } from './operation.ts';
import { page, readSkipToken, skipToken } from './paging.ts';
import {
  databaseId,
  isCacheName,
  isEnterpriseName,
  isResourceGroupName,
  keyOf,
  parseDatabaseId,
  scopesOf,
} from './resource-id.ts';
import { allows, roleNamed } from './roles.ts';
import { clusterFrom, databaseChanged, databaseFrom } from './settings.ts';
import { checkEnterpriseSku, enterpriseSku, memoryLimitBytes, totalSizeGB } from './skus.ts';
import { checkStorable } from './text-safety.ts';

const OLD = ApiVersion.parse('2022-01-01');
const NEW = ApiVersion.parse('2025-07-01');

describe('ids', () => {
  test('are read back as they were written, whatever their case', () => {
    const path = {
      subscription: 's-1',
      resourceGroup: 'My.Group',
      cluster: 'C-1',
      database: 'default',
    };
    assert.deepEqual(parseDatabaseId(databaseId(path)), path);
    assert.ok(parseDatabaseId(databaseId(path).toUpperCase()) !== null);
    assert.equal(keyOf(databaseId(path).toUpperCase()), keyOf(databaseId(path)));
  });

  test('are nothing else', () => {
    const good = databaseId({ subscription: 's', resourceGroup: 'g', cluster: 'c', database: 'd' });
    assert.equal(parseDatabaseId(good.replace('/c/', '/../')), null);
    assert.equal(parseDatabaseId(`${good}/x`), null);
    assert.equal(parseDatabaseId(good.replace('/c/', '/c%2f/')), null);
    fc.assert(fc.property(fc.string(), (text) => parseDatabaseId(text) === null));
  });

  test('names are what Azure allows', () => {
    for (const name of ['a', 'A-1', 'x'.repeat(60)]) assert.ok(isEnterpriseName(name), name);
    for (const name of ['', '-a', 'a-', 'a--b', 'a_b', 'x'.repeat(61), 'a/b']) {
      assert.ok(!isEnterpriseName(name), name);
    }
    assert.ok(isResourceGroupName('a.b_(c)-d') && !isResourceGroupName('a.'));
    assert.ok(!isResourceGroupName('..') && !isResourceGroupName('a/b'));
    assert.ok(isCacheName('cache1') && !isCacheName('-cache') && !isCacheName('a_b'));
  });

  test('scopes are an id and everything that it is part of', () => {
    assert.deepEqual(scopesOf('/subscriptions/S/resourceGroups/G'), [
      ...['/subscriptions/s/resourcegroups/g', '/subscriptions/s/resourcegroups'],
      ...['/subscriptions/s', '/subscriptions', '/'],
    ]);
  });
});

describe('requests', () => {
  test('need a version that is a date', () => {
    assert.equal(ApiVersion.parse('2025-05-01-preview').text, '2025-05-01-preview');
    for (const wrong of [
      undefined,
      '',
      'latest',
      '2025-13-01',
      '2025-02-30',
      ['2022-01-01'],
      '2025-07-01 ',
    ]) {
      assert.throws(() => ApiVersion.parse(wrong), { status: 400 }, String(wrong));
    }
  });

  test('must say since 2025-07-01 whether there is public access; keys are then off by default', () => {
    const body = { location: 'eastus', sku: { name: 'Balanced_B5' } };
    const decoded = decodeBody(clusterBody, body);
    assert.throws(() => clusterFrom(decoded, NEW), { code: 'BadRequest' });
    assert.equal(clusterFrom(decoded, OLD).publicNetworkAccess, null);
    assert.equal(databaseFrom({}, OLD).accessKeysAuthentication, 'Enabled');
    assert.equal(databaseFrom({}, NEW).accessKeysAuthentication, 'Disabled');
  });

  test('words are read in any case, and wrong ones are named', () => {
    const read = decodeBody(databaseBody, { properties: { evictionPolicy: 'allkeyslru' } });
    assert.equal(read.properties?.evictionPolicy, 'AllKeysLRU');
    assert.throws(() => decodeBody(databaseBody, { properties: { evictionPolicy: 'None' } }), {
      ...{ status: 400, code: 'InvalidRequestBody' },
      message: /properties\.evictionPolicy/,
    });
    assert.throws(() => decodeBody(clusterBody, { sku: { name: 'x' } }), {
      code: 'LocationRequired',
    });
  });

  test('only one kind of persistence', () => {
    const persistence = { aofEnabled: true, rdbEnabled: true };
    assert.throws(() => databaseFrom({ persistence }, OLD), /only one of them/);
  });

  test('cannot change what a creation has fixed (R023)', () => {
    const now = databaseFrom({ port: 10_000 }, OLD);
    const fixed = { code: 'FixedAtCreation', status: 400 };
    assert.throws(() => databaseChanged(now, { port: 10_001 }), fixed);
    assert.throws(() => databaseChanged(now, { modules: [{ name: 'RedisJSON' }] }), fixed);
    assert.throws(() => databaseChanged(now, { clusteringPolicy: 'EnterpriseCluster' }), fixed);
    assert.equal(
      databaseChanged(now, { evictionPolicy: 'NoEviction' }).evictionPolicy,
      'NoEviction',
    );
  });

  test('are refused when they hold what nobody can store', () => {
    let deep: unknown = 1;
    for (let level = 0; level < 100; level++) deep = [deep];
    for (const wrong of ['a\0b', { a: ['\ud800'] }, { 'x\0': 1 }, deep]) {
      assert.throws(() => checkStorable(wrong), { status: 400 });
    }
    checkStorable({ a: ['ä', { b: null }], c: 1 });
  });
});

describe('SKUs', () => {
  test('are known by name; a wrong one is answered with all (R055)', () => {
    assert.deepEqual(checkEnterpriseSku({ name: 'enterprise_e10', capacity: 2 }), []);
    const [unknown] = checkEnterpriseSku({ name: 'Enterprise_E11', capacity: null });
    assert.equal(unknown?.rule, 'SkuUnknown');
    assert.match(unknown?.message ?? '', /Enterprise_E10, /);
    assert.equal(
      checkEnterpriseSku({ name: 'Enterprise_E10', capacity: 3 })[0]?.rule,
      'CapacityInvalid',
    );
    assert.equal(
      checkEnterpriseSku({ name: 'Balanced_B5', capacity: 2 })[0]?.rule,
      'CapacityInvalid',
    );
  });

  test('stand for memory', () => {
    const sku = enterpriseSku('Enterprise_E10');
    assert.ok(sku !== undefined);
    assert.equal(totalSizeGB(sku, 4), 24);
    assert.equal(memoryLimitBytes(24, 'full'), 24 * 1024 ** 3);
    assert.equal(memoryLimitBytes(24, 'development'), 96 * 1024 ** 2);
    assert.equal(memoryLimitBytes(0.5, 'development'), 32 * 1024 ** 2);
  });

  test('of caches have a family; only Premium has shards and persistence', () => {
    const cache = (name: string, family: string, capacity: number, more: object = {}) =>
      cacheFrom(
        decodeBody(cacheBody, {
          location: 'eastus',
          properties: { sku: { name, family, capacity }, ...more },
        }),
      );
    assert.equal(cache('Premium', 'p', 1).sku.family, 'P');
    for (const [name, family, capacity] of [
      ['Premium', 'C', 1],
      ['Basic', 'P', 1],
      ['Basic', 'C', 7],
      ['Premium', 'P', 0],
      ['Huge', 'C', 1],
    ] as const) {
      assert.throws(() => cache(name, family, capacity), { status: 400 });
    }
    assert.throws(() => cache('Basic', 'C', 0, { shardCount: 2 }), { code: 'PremiumOnly' });
    const redisConfiguration = { 'rdb-backup-enabled': 'true' };
    assert.throws(() => cache('Standard', 'C', 0, { redisConfiguration }), { code: 'PremiumOnly' });
  });
});

test('locations are shown as Azure shows them, and read in both forms', () => {
  for (const [name, shown] of [
    ['eastus', 'East US'],
    ['southcentralus', 'South Central US'],
    ['westus3', 'West US 3'],
    ['uksouth', 'UK South'],
    ['southeastasia', 'Southeast Asia'],
    ['australiacentral2', 'Australia Central 2'],
    ['southafricanorth', 'South Africa North'],
    ['germanywestcentral', 'Germany West Central'],
  ] as const) {
    assert.equal(displayName(name), shown);
  }
  for (const name of ALL_LOCATIONS) assert.equal(locationNamed(displayName(name)), name);
  assert.throws(() => locationNamed('Atlantis'), { code: 'LocationNotAvailableForResourceType' });
});

test('pages go on where they ended, and no other token is taken', () => {
  const rows = Array.from({ length: 5 }, (_, index) => ({ key: `/k${index}` }));
  const first = page(rows.slice(0, 3), 2);
  assert.deepEqual(first.rows, rows.slice(0, 2));
  assert.equal(readSkipToken(first.nextToken ?? ''), '/k1');
  assert.equal(page(rows.slice(0, 2), 2).nextToken, null);
  assert.equal(readSkipToken(undefined), null);
  for (const wrong of [
    '',
    'x y',
    '!!!',
    ['a'],
    skipToken('no slash'),
    skipToken(`/${'x'.repeat(2000)}`),
  ]) {
    assert.throws(() => readSkipToken(wrong), { status: 400 });
  }
});

describe('roles', () => {
  const may = (role: string, action: string): boolean => {
    const found = roleNamed(role);
    return found !== undefined && allows(found, action);
  };
  const databases = 'Microsoft.Cache/redisEnterprise/databases';

  test('a reader sees no keys and changes nothing', () => {
    for (const role of ['Reader', 'Azure Managed Redis Reader']) {
      assert.ok(may(role, `${databases}/read`), role);
      for (const verb of [
        'listKeys/action',
        'write',
        'delete',
        'flush/action',
        'forceUnlink/action',
      ]) {
        assert.ok(!may(role, `${databases}/${verb}`), `${role} ${verb}`);
      }
    }
  });

  test('a contributor gives no rights', () => {
    assert.ok(may('Contributor', `${databases}/flush/action`));
    assert.ok(!may('Contributor', 'Microsoft.Authorization/roleAssignments/write'));
    assert.ok(may('Owner', 'Microsoft.Authorization/roleAssignments/write'));
  });

  test('a contributor of one kind of cache has nothing to do with the other', () => {
    assert.ok(may('Azure Managed Redis Contributor', `${databases}/forceUnlink/action`));
    assert.ok(!may('Azure Managed Redis Contributor', 'Microsoft.Cache/redis/write'));
    assert.ok(may('Redis Cache Contributor', 'Microsoft.Cache/Redis/write'));
    assert.ok(!may('Redis Cache Contributor', `${databases}/write`));
  });
});

describe('operations', () => {
  const outcome = fc.constantFrom<Outcome>(
    { kind: 'done' },
    { kind: 'failed', fault: { code: 'X', message: 'x' } },
  );

  test('succeed when every step does', () => {
    let now: Progress = BEGINNING;
    for (let step = 0; step < 3; step++) now = advance(now, 3, { kind: 'done' });
    assert.deepEqual(now, { ...BEGINNING, step: 3, status: 'Succeeded' });
  });

  test('undo the step that failed and all before it, latest first', () => {
    const fault = { code: 'X', message: 'x' };
    let now = advance(advance(BEGINNING, 3, { kind: 'done' }), 3, { kind: 'failed', fault });
    assert.deepEqual(now, { status: 'InProgress', direction: 'backward', step: 1, fault });
    now = advance(now, 3, { kind: 'done' });
    assert.equal(now.step, 0);
    now = advance(now, 3, { kind: 'done' });
    assert.deepEqual(now, { status: 'Failed', direction: 'backward', step: 0, fault });
  });

  test('end, whatever happens, and say why where they failed', () => {
    fc.assert(
      fc.property(fc.nat({ max: 5 }), fc.array(outcome, { minLength: 14 }), (steps, outcomes) => {
        let now: Progress = BEGINNING;
        for (const one of outcomes) now = advance(now, steps, one);
        assert.notEqual(now.status, 'InProgress');
        assert.equal(now.status === 'Failed', now.fault !== null);
      }),
    );
  });
});
