// Caches on other machines: two hosts of two regions, each a process with a folder and an address of its own, and a
// control plane that calls them. Hosts and control plane are killed and started again.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Redis } from 'ioredis';
import { processesWith, stopProcess } from '../../src/engine/pid.ts';
import { HostClient } from '../../src/group/host-client.ts';
import { freePorts } from '../../src/group/ports.ts';
import {
  at,
  ControlClient,
  connectDatabase,
  removeFolder,
  temporaryFolder,
  VERSION,
} from './support/control-bed.ts';
import { type Child, controlChild, hostChild, until, untilHost } from './support/host-bed.ts';
import { run } from './support/run-atoll.ts';

const GROUP = '/resourceGroups/rg1';
const ENTERPRISE = `${GROUP}/providers/Microsoft.Cache/redisEnterprise`;
const cluster = (name: string) => `${ENTERPRISE}/${name}`;
const database = (name: string) => `${cluster(name)}/databases/default`;

describe('hosts', () => {
  const dir = temporaryFolder();
  const control = join(dir, 'control');
  const places = [
    { name: 'h1', region: 'eastus', address: '127.0.0.2' },
    { name: 'h2', region: 'westus', address: '127.0.0.3' },
  ];
  const hosts = new Map<string, Child>();
  let plane: ReturnType<typeof controlChild>;
  let client: ControlClient;

  const connect = (name: string) =>
    connectDatabase(client, cluster(name), readFileSync(join(control, 'ca', 'ca.pem')));
  const createCluster = async (name: string, location: string) => {
    const body = { location, sku: { name: 'Balanced_B3' } };
    assert.equal(await client.finish('PUT', cluster(name), body), 'Succeeded');
  };
  const hostOf = (name: string): Child => hosts.get(name) ?? assert.fail(name);

  before(async () => {
    const ports = await freePorts(3);
    plane = controlChild(control, ports[0] ?? 0);
    const started = await plane.start();
    client = new ControlClient(started);
    await client.signIn(started.owner ?? assert.fail('the first start makes an owner'));
    await client.call('PUT', GROUP, { location: 'eastus' });
    for (const [index, place] of places.entries()) {
      const port = ports[index + 1] ?? 0;
      hosts.set(place.name, hostChild({ ...place, port, dir: join(dir, place.name) }));
    }
  });
  after(async () => {
    for (const child of [...hosts.values(), plane.child]) await child.kill();
    await removeFolder(dir);
  });

  test('enrol with tokens, each once', async () => {
    const made = await client.send('POST', `/hosts/tokens?api-version=${VERSION}`, {
      body: JSON.stringify({ location: 'East US' }),
    });
    const token = String(at(made.body, 'token'));
    await hostOf('h1').start('--join', client.url, '--token', token);
    const printed = await run(['control', 'host-token', '--data', control, '--region', 'westus']);
    const joining = ['--join', client.url, '--token'];
    await assert.rejects(hostOf('h2').start(...joining, token), /HostTokenInvalid: .*eastus/);
    await hostOf('h2').start(...joining, printed.stdout.trim());
    const again = hostChild({
      ...{ dir: join(dir, 'h3'), name: 'h3', region: 'westus', address: '127.0.0.4', port: 7_443 },
    });
    await assert.rejects(again.start(...joining, printed.stdout.trim()), /it has been used/);
    const listed = await client.send('GET', `/hosts?api-version=${VERSION}`);
    const all = at(listed.body, 'value');
    assert.ok(Array.isArray(all));
    assert.deepEqual(
      all.map((one) => [at(one, 'name'), at(one, 'location'), at(one, 'state')]),
      [
        ['h1', 'East US', 'Ready'],
        ['h2', 'West US', 'Ready'],
      ],
    );
  });

  test('run databases that are in no group, and keep them running', async () => {
    await createCluster('alone', 'eastus');
    const shown = await client.call('GET', cluster('alone'));
    assert.equal(at(shown.body, 'properties', 'hostName'), '127.0.0.2');
    const body = { properties: { clientProtocol: 'Plaintext', evictionPolicy: 'NoEviction' } };
    assert.equal(await client.finish('PUT', database('alone'), body), 'Succeeded');
    const redis = await connect('alone');
    assert.equal(await redis.set('k', 'v'), 'OK');
    assert.equal(await client.finish('POST', `${database('alone')}/flush`, {}), 'Succeeded');
    assert.equal(await redis.get('k'), null);
    await redis.set('k', 'v2');
    await hostOf('h1').kill();
    assert.equal(await redis.get('k'), 'v2', 'it runs on without the host');
    redis.disconnect();
    await hostOf('h1').start();
    const running = () => processesWith(join(dir, 'h1', 'engines'));
    assert.equal(running().length, 1, 'and is not started twice');
    for (const one of running()) await stopProcess(one, 0);
    await until('the engine runs again', async () => {
      const next = await connect('alone');
      next.disconnect();
      return true;
    });
    await hostOf('h1').kill();
    assert.equal(await client.finish('DELETE', cluster('alone')), 'Succeeded');
    assert.equal(running().length, 1, 'nobody is there who could end it');
    await hostOf('h1').start();
    await until('it is removed', async () => running().length === 0);
  });

  test('have a port for each cache, and are found again by the next control plane', async () => {
    await plane.child.kill();
    await plane.start();
    await untilHost(client, 'h1', 'Ready');
    for (const name of ['one', 'two']) {
      await createCluster(name, 'eastus');
      const body = { properties: { evictionPolicy: 'NoEviction' } };
      assert.equal(await client.finish('PUT', database(name), body), 'Succeeded');
    }
    const portOf = async (name: string) =>
      at((await client.call('GET', database(name))).body, 'properties', 'port');
    assert.deepEqual([await portOf('one'), await portOf('two')], [10_000, 10_001]);
    for (const name of ['one', 'two']) {
      assert.equal(await client.finish('DELETE', cluster(name)), 'Succeeded');
    }
  });

  const geo = (...names: readonly string[]) => ({
    properties: {
      evictionPolicy: 'NoEviction',
      geoReplication: {
        groupNickname: 'grp',
        linkedDatabases: names.map((name) => ({ id: idOf(name) })),
      },
    },
  });
  const idOf = (name: string) => `/subscriptions/${client.subscription}${database(name)}`;
  const withRedis = async <T>(name: string, work: (redis: Redis) => Promise<T>): Promise<T> => {
    const redis = await connect(name);
    try {
      return await work(redis);
    } finally {
      redis.disconnect();
    }
  };
  const get = (name: string, key: string) => withRedis(name, (redis) => redis.get(key));
  const set = (name: string, key: string, value: string) =>
    withRedis(name, (redis) => redis.set(key, value));
  const arrives = (name: string, key: string, value: string | null) =>
    until(`${key} is ${value} in ${name}`, async () => (await get(name, key)) === value, 30_000);

  test('have members of one group that replicate', async () => {
    await createCluster('a', 'eastus');
    await createCluster('b', 'westus');
    assert.equal(await client.finish('PUT', database('a'), geo('a')), 'Succeeded');
    await set('a', 'first', '1');
    // The control plane dies while the newcomer is filled, and the next one goes on.
    await plane.child.tell('create-database 900');
    await client.call('PUT', database('b'), geo('a', 'b'));
    await plane.child.ended();
    await plane.start();
    await until(
      'the newcomer is linked',
      async () => {
        const { body } = await client.call('GET', database('b'));
        return at(body, 'properties', 'provisioningState') === 'Succeeded';
      },
      60_000,
    );
    assert.equal(await get('b', 'first'), '1', 'a newcomer has everything');
    await set('b', 'second', '2');
    await arrives('a', 'second', '2');
    assert.equal(processesWith(join(dir, 'h2', 'members')).length, 2, 'an engine and a replicator');
    const [group = ''] = readdirSync(join(dir, 'h1', 'members'));
    const h1 = new HostClient(join(control, 'hosts', 'h1.json'));
    const { info } = await h1.call('member-info', { group, region: 'eastus' });
    assert.match(info ?? '', /^redis_version:/m);
    const body = { ids: [idOf('a'), idOf('b')] };
    assert.equal(await client.finish('POST', `${database('a')}/flush`, body), 'Succeeded');
    assert.equal(await get('b', 'second'), null);
  });

  test('fill a member whose engine died, and start its replicator again', async () => {
    await set('a', 'kept', '1');
    await arrives('b', 'kept', '1');
    await hostOf('h2').kill();
    for (const one of processesWith(join(dir, 'h2', 'members'))) await stopProcess(one, 0);
    await set('a', 'meanwhile', '1');
    await hostOf('h2').start();
    await arrives('b', 'meanwhile', '1');
    assert.equal(await get('b', 'kept'), '1');
    await set('b', 'again', '1');
    await arrives('a', 'again', '1');
  });

  test('begin anew together when all of them have lost their data', async () => {
    for (const host of ['h1', 'h2']) {
      for (const one of processesWith(join(dir, host, 'members'))) await stopProcess(one, 0);
    }
    await until(
      'clients are let in again',
      async () => (await set('a', 'anew', '1')) === 'OK',
      40_000,
    );
    await arrives('b', 'anew', '1');
    assert.equal(await get('b', 'kept'), null);
    await set('b', 'both', '1');
    await arrives('a', 'both', '1');
  });

  test('are unlinked when they are lost, and linked again', async () => {
    await hostOf('h2').kill();
    for (const one of processesWith(join(dir, 'h2'))) await stopProcess(one, 0);
    const body = { ids: [idOf('b')] };
    assert.equal(await client.finish('POST', `${database('a')}/forceUnlink`, body), 'Succeeded');
    await set('a', 'alone', '1');
    await hostOf('h2').start();
    await untilHost(client, 'h2', 'Ready');
    const link = {
      geoReplication: geo('a', 'b').properties.geoReplication,
    };
    const path = `${database('b')}/forceLinkToReplicationGroup`;
    assert.equal(await client.finish('POST', path, link), 'Succeeded');
    assert.equal(await get('b', 'alone'), '1');
    await set('b', 'linked', '1');
    await arrives('a', 'linked', '1');
  });

  test('are called by the next control plane, and let members go', async () => {
    const [here, there] = [await connect('a'), await connect('b')];
    await plane.child.kill();
    await here.set('without', '1');
    await until('it arrives', async () => (await there.get('without')) === '1');
    for (const redis of [here, there]) redis.disconnect();
    await plane.start();
    await untilHost(client, 'h2', 'Ready');
    assert.equal(await client.finish('DELETE', database('b')), 'Succeeded');
    assert.deepEqual(processesWith(join(dir, 'h2', 'members')), []);
    assert.equal(await get('a', 'without'), '1');
    assert.equal(await client.finish('DELETE', cluster('a')), 'Succeeded');
    assert.deepEqual(processesWith(join(dir, 'h1', 'members')), []);
  });
});
