// Who may use the data of databases and caches, over real engines: tokens in place of keys, policies, ports with and
// without TLS, and what else caches have.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { RedisManagementClient } from '@azure/arm-rediscache';
import { ClientSecretCredential } from '@azure/identity';
import { Redis } from 'ioredis';
import type { ControlPlane } from '../../src/control/control-plane.ts';
import { type Credentials, createPrincipal } from '../../src/control/identity/principals.ts';
import { processesWith } from '../../src/engine/pid.ts';
import {
  at,
  ControlClient,
  connectDatabase,
  removeFolder,
  startPlane,
  temporaryFolder,
} from './support/control-bed.ts';

const GROUP = '/resourceGroups/rg1';
const CLUSTER = `${GROUP}/providers/Microsoft.Cache/redisEnterprise/one`;
const DATABASE = `${CLUSTER}/databases/default`;
const CACHE = `${GROUP}/providers/Microsoft.Cache/redis/two`;
const WITHIN_MS = 60_000;

describe('access to data', () => {
  const dir = temporaryFolder();
  const open: Redis[] = [];
  let plane: ControlPlane;
  let client: ControlClient;
  let owner: Credentials;
  let ca: Buffer;
  let somebody: Credentials & { objectId: string };

  before(async () => {
    plane = await startPlane(dir, { plain: false });
    owner = plane.owner ?? assert.fail('the first start makes an owner');
    client = new ControlClient(plane);
    await client.signIn(owner);
    ca = readFileSync(join(dir, 'ca', 'ca.pem'));
    const { db } = plane.parts.store;
    somebody = await createPrincipal(db, { kind: 'ServicePrincipal', displayName: 'app' });
    await client.call('PUT', GROUP, { location: 'eastus' });
    const sku = { name: 'Balanced_B5' };
    assert.equal(await client.finish('PUT', CLUSTER, { location: 'eastus', sku }), 'Succeeded');
    const properties = { clientProtocol: 'Plaintext' };
    assert.equal(await client.finish('PUT', DATABASE, { properties }), 'Succeeded');
    const cache = {
      location: 'eastus',
      properties: { sku: { name: 'Standard', family: 'C', capacity: 1 } },
    };
    assert.equal(await client.finish('PUT', CACHE, cache), 'Succeeded');
  });
  after(async () => {
    for (const one of open) one.disconnect();
    await plane.stop();
    await removeFolder(dir);
  });

  const tokenOf = async (who: Credentials): Promise<string> => {
    const body = new URLSearchParams({
      ...{ grant_type: 'client_credentials', scope: 'https://redis.azure.com/.default' },
      ...{ client_id: who.clientId, client_secret: who.clientSecret },
    }).toString();
    const type = 'application/x-www-form-urlencoded';
    const reply = await client.send('POST', `/${plane.tenant}/oauth2/v2.0/token`, { body, type });
    assert.equal(reply.status, 200);
    return String(at(reply.body, 'access_token'));
  };
  const connect = async (
    path: string,
    port: number,
    { password, isPlain = false }: { password: string; isPlain?: boolean },
  ): Promise<Redis> => {
    const { body } = await client.call('GET', path);
    const redis = new Redis({
      ...{ host: String(at(body, 'properties', 'hostName')), port },
      ...{ username: somebody.objectId, password },
      ...(isPlain ? {} : { tls: { ca } }),
      ...{ lazyConnect: true, retryStrategy: () => null, disableClientInfo: true },
    });
    open.push(redis);
    let reason: Error | null = null;
    redis.on('error', (error) => {
      reason ??= error;
    });
    await redis.connect().catch((error: unknown) => {
      throw reason ?? error;
    });
    return redis;
  };
  const until = async (isSo: () => Promise<boolean>, what: string): Promise<void> => {
    const deadlineMs = performance.now() + WITHIN_MS;
    while (!(await isSo())) {
      assert.ok(performance.now() < deadlineMs, what);
      await delay(100);
    }
  };
  const keyed = async (): Promise<Redis> => {
    const redis = await connectDatabase(client, CLUSTER, ca);
    open.push(redis);
    return redis;
  };
  const assignment = `${DATABASE}/accessPolicyAssignments/app`;

  test('one to whom a database is assigned uses it with a token, until it is taken back', async () => {
    const early = await tokenOf(somebody);
    const used = { password: early, isPlain: true };
    await assert.rejects(connect(CLUSTER, 10_000, used), /WRONGPASS/);
    const wish = { properties: { user: { objectId: somebody.objectId.toUpperCase() } } };
    const made = await client.call('PUT', assignment, wish);
    assert.equal(made.status, 201);
    assert.equal(await client.over(made), 'Succeeded');
    const shown = await client.call('GET', assignment);
    assert.deepEqual(at(shown.body, 'properties'), {
      ...{ accessPolicyName: 'default', user: { objectId: somebody.objectId } },
      provisioningState: 'Succeeded',
    });
    const redis = await connect(CLUSTER, 10_000, used);
    assert.equal(await redis.set('k', 'v'), 'OK');
    await assert.rejects(redis.call('CONFIG', 'SET', 'maxmemory', '0'), /NOPERM/);
    const renewed = await connect(CLUSTER, 10_000, { ...used, password: await tokenOf(somebody) });
    assert.equal(await renewed.get('k'), 'v');
    // A token for data is none for this server, and the other way round.
    const reply = await client.send('GET', `/subscriptions?api-version=2021-04-01`, {
      headers: { authorization: `Bearer ${early}` },
    });
    assert.equal(reply.status, 401);
    const wrong = { ...used, password: client.token };
    await assert.rejects(connect(CLUSTER, 10_000, wrong), /WRONGPASS/);

    const cut = once(redis, 'close');
    assert.equal(await client.finish('DELETE', assignment), 'Succeeded');
    await cut;
    await assert.rejects(connect(CLUSTER, 10_000, used), /WRONGPASS/);
    assert.equal((await client.call('GET', assignment)).status, 404);
    assert.equal(await client.finish('PUT', assignment, wish), 'Succeeded');
  });

  test('a database without access keys admits tokens only, also when its engine is new', async () => {
    const byKey = await keyed();
    const cut = once(byKey, 'close');
    const off = { properties: { accessKeysAuthentication: 'Disabled' } };
    assert.equal(await client.finish('PATCH', DATABASE, off), 'Succeeded');
    await cut;
    for (const [action, body] of [
      ['listKeys'],
      ['regenerateKey', { keyType: 'Primary' }],
    ] as const) {
      const refused = await client.call('POST', `${DATABASE}/${action}`, body);
      assert.equal(at(refused.body, 'error', 'code'), 'AccessKeysDisabled');
    }
    const used = { password: await tokenOf(somebody), isPlain: true };
    await connect(CLUSTER, 10_000, used);
    const [engine] = processesWith(`${dir}/engines/`);
    for (const { pid } of processesWith(`${dir}/engines/`)) process.kill(pid, 'SIGKILL');
    assert.ok(engine !== undefined);
    await until(
      () =>
        connect(CLUSTER, 10_000, used).then(
          () => true,
          () => false,
        ),
      'a new engine admits the token',
    );
    const on = { properties: { accessKeysAuthentication: 'Enabled' } };
    assert.equal(await client.finish('PATCH', DATABASE, on), 'Succeeded');
    assert.equal(await (await keyed()).ping(), 'PONG');
  });

  test('a token that has expired lets nobody in, nor stay', async () => {
    const used = { password: await tokenOf(somebody), isPlain: true };
    const redis = await connect(CLUSTER, 10_000, used);
    const cut = once(redis, 'close');
    const { db } = plane.parts.store;
    const row = await db
      .selectFrom('resources')
      .select(['key', 'access'])
      .where('type', '=', 'database')
      .executeTakeFirstOrThrow();
    const expired = JSON.stringify(row.access).replaceAll(/"untilMs":[\d.]+/g, '"untilMs":1');
    await db.updateTable('resources').set({ access: expired }).where('key', '=', row.key).execute();
    await cut;
    await assert.rejects(connect(CLUSTER, 10_000, used), /WRONGPASS/);
  });

  test('TLS is switched on and off, and the data stays', async () => {
    const before = await keyed();
    await before.set('stays', 'here');
    const cut = once(before, 'close');
    const tls = { properties: { clientProtocol: 'Encrypted' } };
    assert.equal(await client.finish('PATCH', DATABASE, tls), 'Succeeded');
    await cut;
    const encrypted = await keyed();
    assert.equal(await encrypted.get('stays'), 'here');
    const plain = { properties: { clientProtocol: 'Plaintext' } };
    assert.equal(await client.finish('PATCH', DATABASE, plain), 'Succeeded');
    assert.equal(await (await keyed()).get('stays'), 'here');
    assert.equal(await client.finish('PATCH', DATABASE, tls), 'Succeeded');
    assert.equal(await (await keyed()).get('stays'), 'here');
  });

  test('policies of a cache bound what their principals may do; a restart empties it', async () => {
    const tlsOptions = { ca: ca.toString() };
    const credential = new ClientSecretCredential(
      ...([plane.tenant, owner.clientId, owner.clientSecret] as const),
      { authorityHost: plane.url, disableInstanceDiscovery: true, tlsOptions },
    );
    const options = { endpoint: plane.url, tlsOptions };
    const azure = new RedisManagementClient(credential, client.subscription, options);
    const poll = { updateIntervalInMs: 50 };
    const of = ['rg1', 'two'] as const;
    const assign = async (accessPolicyName: string) =>
      await azure.accessPolicyAssignment.beginCreateUpdateAndWait(
        ...([
          ...of,
          'app',
          { ...{ objectId: somebody.objectId, objectIdAlias: 'app' }, accessPolicyName },
        ] as const),
        poll,
      );
    const names: (string | undefined)[] = [];
    for await (const one of azure.accessPolicy.list(...of)) names.push(one.name);
    assert.deepEqual(names, ['Data Owner', 'Data Contributor', 'Data Reader']);

    assert.equal((await assign('Data Owner')).provisioningState, 'Succeeded');
    const redis = await connect(CACHE, 6_380, { password: await tokenOf(somebody) });
    await redis.mset('app:1', 'a', 'other', 'b');
    await assign('Data Reader');
    assert.equal(await redis.get('other'), 'b');
    await assert.rejects(redis.set('other', 'c'), /NOPERM/);
    await assert.rejects(redis.call('KEYS', '*'), /NOPERM/);

    const own = await azure.accessPolicy.beginCreateUpdateAndWait(
      ...([...of, 'My policy', { permissions: '+get +keys +config +@admin ~app:*' }] as const),
      poll,
    );
    assert.equal(own.typePropertiesType, 'Custom');
    await assign('My policy');
    assert.equal(await redis.get('app:1'), 'a');
    await assert.rejects(redis.get('other'), /NOPERM/);
    await assert.rejects(redis.config('GET', 'port'), /NOPERM/);
    await assert.rejects(redis.call('ACL', 'LIST'), /NOPERM/);
    await assert.rejects(
      azure.accessPolicy.beginCreateUpdateAndWait(
        ...of,
        'My policy',
        { permissions: '+nonsense' },
        poll,
      ),
      /nonsense|ACL/,
    );
    const kept = await azure.accessPolicy.get(...of, 'My policy');
    assert.equal(kept.permissions, '+get +keys +config +@admin ~app:*');
    for (const permissions of ['nopass +@all', '+@all >secret', '(+@all)', '+get\n+set ~* on']) {
      const call = azure.accessPolicy.beginCreateUpdateAndWait(
        ...of,
        'evil',
        { permissions },
        poll,
      );
      await assert.rejects(call, { statusCode: 400 }, permissions);
    }
    const inUse = azure.accessPolicy.beginDeleteAndWait(...of, 'My policy', poll);
    await assert.rejects(inUse, { statusCode: 400 });
    await azure.accessPolicyAssignment.beginDeleteAndWait(...of, 'app', poll);
    await azure.accessPolicy.beginDeleteAndWait(...of, 'My policy', poll);
    await assert.rejects(azure.accessPolicy.get(...of, 'My policy'), { statusCode: 404 });

    await azure.firewallRules.createOrUpdate(...of, 'office', {
      startIP: '10.0.0.1',
      endIP: '10.0.0.9',
    });
    await assert.rejects(
      azure.firewallRules.createOrUpdate(...of, 'wrong', {
        startIP: '10.0.0.9',
        endIP: '10.0.0.1',
      }),
      { statusCode: 400 },
    );
    for await (const one of azure.firewallRules.list(...of)) assert.equal(one.name, 'two/office');
    await azure.firewallRules.delete(...of, 'office');
    const entries = [{ dayOfWeek: 'Weekend' as const, startHourUtc: 3 }];
    const made = await azure.patchSchedules.createOrUpdate(...of, 'default', {
      scheduleEntries: entries,
    });
    assert.equal(made.scheduleEntries[0]?.maintenanceWindow, 'PT5H');
    await azure.patchSchedules.delete(...of, 'default');

    const none = azure.redis.forceReboot(...of, { rebootType: 'SecondaryNode' });
    await assert.rejects(none, { statusCode: 400 });
    const said = await azure.redis.forceReboot(...of, { rebootType: 'AllNodes' });
    assert.match(said.message ?? '', /restarted/);
    const { primaryKey = '' } = await azure.redis.listKeys(...of);
    const byKey = async (port: number, tls: boolean): Promise<Redis> => {
      const { hostName: host = '' } = await azure.redis.get(...of);
      const one = new Redis({
        ...{ host, port, password: primaryKey, retryStrategy: () => null },
        ...(tls ? { tls: { ca } } : {}),
      });
      one.on('error', () => {});
      open.push(one);
      return one;
    };
    const shown = async () => (await azure.redis.get(...of)).provisioningState === 'Succeeded';
    await until(shown, 'the restart ends');
    const anew = await byKey(6_380, true);
    assert.equal(await anew.dbsize(), 0);
    await anew.set('k', 'v');
    await azure.redis.beginUpdateAndWait(...of, { enableNonSslPort: true }, poll);
    assert.equal(await (await byKey(6_379, false)).get('k'), 'v');
    assert.equal(await anew.get('k'), 'v', 'TLS goes on');
    await azure.redis.beginUpdateAndWait(...of, { enableNonSslPort: false }, poll);
    assert.equal(await (await byKey(6_380, true)).get('k'), 'v');
  });
});
