// The control plane over real engines: caches in a geo-replication group are made, used, unlinked, linked again,
// flushed and deleted through its API.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { ControlPlane } from '../../src/control/control-plane.ts';
import { createPrincipal } from '../../src/control/identity/principals.ts';
import { processesWith } from '../../src/engine/pid.ts';
import {
  at,
  ControlClient,
  connectDatabase,
  type Json,
  removeFolder,
  startPlane,
  temporaryFolder,
} from './support/control-bed.ts';

const GROUP = '/resourceGroups/rg1';
const VISIBLE_WITHIN_MS = 20_000;

describe('control plane', () => {
  const dir = temporaryFolder();
  let plane: ControlPlane;
  let client: ControlClient;
  let ca: Buffer;
  const connections: Redis[] = [];

  before(async () => {
    plane = await startPlane(dir, { exportDirs: [dir], sampleEveryMs: 500 });
    client = new ControlClient(plane);
    await client.signIn(plane.owner ?? assert.fail('the first start makes an owner'));
    ca = readFileSync(join(dir, 'ca', 'ca.pem'));
  });
  after(async () => {
    for (const one of connections) one.disconnect();
    await plane.stop();
    await removeFolder(dir);
  });

  const cluster = (name: string) => `${GROUP}/providers/Microsoft.Cache/redisEnterprise/${name}`;
  const idOf = (name: string) =>
    `/subscriptions/${client.subscription}${cluster(name)}/databases/default`;
  const geo = (...names: readonly string[]) => ({
    properties: {
      ...{ clientProtocol: 'Encrypted', port: 10_000, evictionPolicy: 'NoEviction' },
      geoReplication: {
        groupNickname: 'grp',
        linkedDatabases: names.map((name) => ({ id: idOf(name) })),
      },
    },
  });
  const database = async (name: string) =>
    (await client.call('GET', `${cluster(name)}/databases/default`)).body;
  const links = async (name: string) => {
    const linked = at(await database(name), 'properties', 'geoReplication', 'linkedDatabases');
    assert.ok(Array.isArray(linked), `${name} is in a group`);
    return Object.fromEntries(
      linked.map((one) => [String(at(one, 'id')).split('/').at(-3), at(one, 'state')]),
    );
  };
  const connect = async (name: string): Promise<Redis> => {
    const redis = await connectDatabase(client, cluster(name), ca);
    connections.push(redis);
    return redis;
  };
  const until = async (isSo: () => Promise<boolean>, what: string): Promise<void> => {
    const deadlineMs = performance.now() + VISIBLE_WITHIN_MS;
    while (!(await isSo())) {
      assert.ok(performance.now() < deadlineMs, what);
      await delay(50);
    }
  };

  test('clusters are created in three regions', async () => {
    const made = await client.call('PUT', GROUP, { location: 'East US' });
    assert.equal(made.status, 201);
    for (const [name, location] of [
      ['a', 'East US'],
      ['b', 'westus'],
      ['c', 'westeurope'],
    ] as const) {
      const reply = await client.call('PUT', cluster(name), {
        location,
        sku: { name: 'Enterprise_E10', capacity: 2 },
      });
      assert.equal(reply.status, 201);
      assert.equal(at(reply.body, 'properties', 'provisioningState'), 'Creating');
      assert.equal(await client.over(reply), 'Succeeded');
    }
    const listed = await client.call('GET', `${GROUP}/providers/Microsoft.Cache/redisEnterprise`);
    assert.equal(at(listed.body, 'value', 'length'), undefined);
    assert.equal(at(listed.body, 'value', 2, 'location'), 'West Europe');
  });

  test('a second member joins once the first is there (R034), and both hold what was written', async () => {
    const first = await client.call('PUT', `${cluster('a')}/databases/default`, geo('a'));
    assert.equal(first.status, 201);
    assert.equal(
      at(first.body, 'properties', 'geoReplication', 'linkedDatabases', 0, 'state'),
      'Linking',
    );
    const early = await client.call('PUT', `${cluster('b')}/databases/default`, geo('a', 'b'));
    assert.equal(early.status, 409);
    assert.equal(at(early.body, 'error', 'code'), 'MemberNotReady');
    assert.equal(await client.over(first), 'Succeeded');

    const writer = await connect('a');
    await writer.set('before', 'there');
    const joined = await client.finish('PUT', `${cluster('b')}/databases/default`, geo('a', 'b'));
    assert.equal(joined, 'Succeeded');
    assert.deepEqual(await links('a'), { a: 'Linked', b: 'Linked' });
    const reader = await connect('b');
    assert.equal(await reader.get('before'), 'there');
    await reader.incr('counter');
    await writer.incr('counter');
    await until(async () => (await writer.get('counter')) === '2', 'both increments count in a');
    await until(async () => (await reader.get('counter')) === '2', 'both increments count in b');
  });

  test('its metrics are those of the engine and of the links', async () => {
    const metric = async (name: string): Promise<Json[]> => {
      const { body } = await client.send(
        'GET',
        `/subscriptions/${client.subscription}${cluster('b')}/providers/Microsoft.Insights/metrics?api-version=2018-01-01&metricnames=${name}&interval=FULL&timespan=PT1M`,
      );
      const data = at(body, 'value', 0, 'timeseries', 0, 'data');
      return Array.isArray(data) ? data.flatMap((point) => at(point, 'maximum') ?? []) : [];
    };
    const isSo = async (name: string, value: number) => (await metric(name)).includes(value);
    await until(async () => await isSo('geoReplicationHealthy', 1), 'both are linked');
    await until(async () => await isSo('totalkeys', 2), 'b has both keys');
  });

  test('a client cannot empty a member; the flush operation empties all (R074 to R077)', async () => {
    const third = geo('a', 'b', 'c');
    assert.equal(
      await client.finish('PUT', `${cluster('c')}/databases/default`, third),
      'Succeeded',
    );
    const [a, b, c] = [await connect('a'), await connect('b'), await connect('c')];
    await assert.rejects(a.flushall(), /NOPERM/);
    assert.equal(await c.get('counter'), '2');
    const wrong = await client.call('POST', `${cluster('a')}/databases/default/flush`, {
      ids: [idOf('b')],
    });
    assert.equal(at(wrong.body, 'error', 'code'), 'FlushIdsDiffer');
    const ids = [idOf('b'), idOf('c')];
    const flushed = await client.finish('POST', `${cluster('a')}/databases/default/flush`, { ids });
    assert.equal(flushed, 'Succeeded');
    assert.deepEqual([await a.dbsize(), await b.dbsize(), await c.dbsize()], [0, 0, 0]);
    await b.set('after', '1');
    await until(async () => (await c.get('after')) === '1', 'new writes replicate');
  });

  test('an import at one member replaces what all members hold; a token admits (R162)', async () => {
    const [a, b, c] = [await connect('a'), await connect('b'), await connect('c')];
    await a.hset('hash', { field: 'value', other: '1' });
    await a.set('short', 'lived', 'EX', 3600);
    const path = `${cluster('a')}/databases/default`;
    const file = { sasUri: `file://${dir}/group.rdb` };
    assert.equal(await client.finish('POST', `${path}/export`, file), 'Succeeded');
    await b.set('later', 'gone');
    const body = { sasUris: [file.sasUri] };
    assert.equal(await client.finish('POST', `${path}/import`, body), 'Succeeded');
    for (const one of [b, c]) {
      await until(async () => (await one.hget('hash', 'other')) === '1', 'it is imported');
      assert.equal(await one.exists('later'), 0);
      assert.ok((await one.ttl('short')) > 3000);
    }
    await c.hincrby('hash', 'other', 1);
    await until(async () => (await a.hget('hash', 'other')) === '2', 'it goes on replicating');

    const { db } = plane.parts.store;
    const app = await createPrincipal(db, { kind: 'ServicePrincipal', displayName: 'app' });
    const user = { objectId: app.objectId };
    const assignment = `${path}/accessPolicyAssignments/app`;
    assert.equal(await client.finish('PUT', assignment, { properties: { user } }), 'Succeeded');
    const form = new URLSearchParams({
      ...{ grant_type: 'client_credentials', client_id: app.clientId },
      ...{ client_secret: app.clientSecret, scope: 'https://redis.azure.com/.default' },
    });
    const reply = await client.send('POST', '/common/oauth2/v2.0/token', {
      body: form.toString(),
      type: 'application/x-www-form-urlencoded',
    });
    const token = String(at(reply.body, 'access_token'));
    assert.equal(await a.auth(app.objectId, token), 'OK');
    assert.equal(await a.call('ACL', 'WHOAMI'), app.objectId);
    await assert.rejects(c.auth(app.objectId, token), /WRONGPASS/);
  });

  test('a member is force-unlinked, and force-linked again with all data (R039, R046)', async () => {
    const unlinked = await client.finish('POST', `${cluster('a')}/databases/default/forceUnlink`, {
      ids: [idOf('c')],
    });
    assert.equal(unlinked, 'Succeeded');
    assert.deepEqual(await links('a'), { a: 'Linked', b: 'Linked' });
    assert.equal(at(await database('c'), 'properties', 'geoReplication'), undefined);
    const a = await connect('a');
    await a.set('meanwhile', 'yes');
    const { properties } = geo('a', 'b', 'c');
    const linked = await client.finish(
      'POST',
      `${cluster('c')}/databases/default/forceLinkToReplicationGroup`,
      { geoReplication: properties.geoReplication },
    );
    assert.equal(linked, 'Succeeded');
    assert.deepEqual(await links('b'), { a: 'Linked', b: 'Linked', c: 'Linked' });
    assert.equal(await (await connect('c')).get('meanwhile'), 'yes');
  });

  test('a key that is regenerated lets nobody in any more', async () => {
    const path = `${cluster('a')}/databases/default`;
    const before = await client.call('POST', `${path}/listKeys`);
    const renewed = await client.call('POST', `${path}/regenerateKey`, { keyType: 'Primary' });
    assert.equal(renewed.status, 200);
    assert.notEqual(at(renewed.body, 'primaryKey'), at(before.body, 'primaryKey'));
    assert.equal(at(renewed.body, 'secondaryKey'), at(before.body, 'secondaryKey'));
    const redis = await connect('a');
    await assert.rejects(redis.auth(String(at(before.body, 'primaryKey'))), /WRONGPASS/);
    assert.equal(await redis.auth(String(at(before.body, 'secondaryKey'))), 'OK');
  });

  test('what all members have in common cannot be changed in one (R023)', async () => {
    const refused = await client.call('PATCH', `${cluster('a')}/databases/default`, {
      properties: { evictionPolicy: 'AllKeysLRU' },
    });
    assert.equal(refused.status, 400);
    assert.equal(at(refused.body, 'error', 'code'), 'EvictionPolicyMismatch');
    assert.equal(at(refused.body, 'error', 'target'), 'properties.evictionPolicy');
  });

  test('a member that is deleted leaves its group, and the others go on (R037, R038)', async () => {
    assert.equal(await client.finish('DELETE', `${cluster('b')}/databases/default`), 'Succeeded');
    assert.deepEqual(await links('a'), { a: 'Linked', c: 'Linked' });
    const [a, c] = [await connect('a'), await connect('c')];
    await a.set('still', 'here');
    await until(async () => (await c.get('still')) === 'here', 'the others replicate');
    assert.equal((await client.call('DELETE', `${cluster('b')}/databases/default`)).status, 204);
  });

  test('engines and replicators run on without the control plane, and are found again', async () => {
    const running = () => processesWith(`${dir}/`).map(({ pid }) => pid);
    const a = await connect('a');
    await plane.stop();
    const left = running();
    assert.ok(left.length >= 5, `${left.length} processes run on`);
    assert.equal(await a.set('unattended', '1'), 'OK');
    plane = await startPlane(dir);
    assert.equal(plane.owner, null, 'there is an owner already');
    const { token } = client;
    client = new ControlClient(plane);
    assert.equal((await client.call('GET', GROUP)).status, 401);
    assert.notEqual(token, '');
    assert.deepEqual(running(), left, 'nothing was started anew');
  });
});
