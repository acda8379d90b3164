// The example commands of the documents, with `atoll` for `az`, against a control plane with TLS: a cache in East US
// with a new group, a second one in West US that joins it, and what is written in the one is read in the other.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { ControlPlane } from '../../src/control/control-plane.ts';
import { removeFolder, startPlane, temporaryFolder } from './support/control-bed.ts';
import { run } from './support/run-atoll.ts';

const VISIBLE_WITHIN_MS = 20_000;
const GROUP = ['--resource-group', 'replicationGroup'];

describe('command line of the control plane', () => {
  const dir = temporaryFolder();
  const clients: Redis[] = [];
  let plane: ControlPlane;

  const atoll = (...args: readonly string[]) =>
    run(args, { environment: { ATOLL_CONFIG_DIR: join(dir, 'config') } });
  const enterprise = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await atoll('redisenterprise', ...args);
    assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  const idOf = (name: string) =>
    `/subscriptions/${plane.subscription}/resourceGroups/replicationGroup/providers/Microsoft.Cache/redisEnterprise/${name}/databases/default`;
  const connect = async (name: string): Promise<Redis> => {
    const target = ['--cluster-name', name, ...GROUP];
    const cluster = JSON.parse(await enterprise('show', ...target));
    const keys = await enterprise(
      'database',
      'list-keys',
      ...target,
      '--query',
      'primaryKey',
      '-o',
      'tsv',
    );
    const client = new Redis({
      ...{ host: cluster.hostName, port: cluster.databases[0].port, password: keys.trim() },
      tls: { ca: readFileSync(join(dir, 'ca', 'ca.pem')) },
      ...{ retryStrategy: () => null, disableClientInfo: true },
    });
    clients.push(client);
    return client;
  };
  const seen = async (client: Redis, key: string): Promise<string | null> => {
    const deadlineMs = performance.now() + VISIBLE_WITHIN_MS;
    for (;;) {
      const value = await client.get(key);
      if (value !== null || performance.now() > deadlineMs) return value;
      await delay(20);
    }
  };

  before(async () => {
    plane = await startPlane(dir, { plain: false });
    const { clientId, clientSecret } = plane.owner ?? assert.fail('the first start makes an owner');
    const who = ['--service-principal', '-u', clientId, '-p', clientSecret];
    const place = ['--url', plane.url, '--ca', join(dir, 'ca', 'ca.pem')];
    const login = await atoll('login', ...who, '--tenant', plane.tenant, ...place);
    assert.equal(login.code, 0, login.stderr);
    assert.ok(!login.stdout.includes(clientSecret));
  });
  after(async () => {
    for (const one of clients) one.disconnect();
    await plane.stop();
    await removeFolder(dir);
  });

  test('two caches are created and linked, and each reads what the other wrote (R051, R053)', async () => {
    const group = await atoll('group', 'create', '-l', 'East US', '-n', 'replicationGroup');
    assert.equal(group.code, 0, group.stderr);
    const sku = ['--sku', 'Enterprise_E10', ...GROUP, '--group-nickname', 'groupName'];
    const links = (...names: readonly string[]) =>
      names.flatMap((name) => ['--linked-databases', `id=${idOf(name)}`]);
    const first = ['create', '--location', 'East US', '--cluster-name', 'Cache1', ...sku];
    const made = JSON.parse(await enterprise(...first, ...links('Cache1')));
    assert.equal(made.geoReplication.groupNickname, 'groupName');
    assert.equal(made.resourceGroup, 'replicationGroup');
    const second = ['create', '--location', 'West US', '--cluster-name', 'Cache2', ...sku];
    const joined = JSON.parse(await enterprise(...second, ...links('Cache1', 'Cache2')));
    assert.deepEqual(joined.geoReplication.linkedDatabases, [
      { id: idOf('Cache1'), state: 'Linked', resourceGroup: 'replicationGroup' },
      { id: idOf('Cache2'), state: 'Linked', resourceGroup: 'replicationGroup' },
    ]);
    const [east, west] = [await connect('Cache1'), await connect('Cache2')];
    await east.set('from-east', '1');
    assert.equal(await seen(west, 'from-east'), '1');
    await west.set('from-west', '2');
    assert.equal(await seen(east, 'from-west'), '2');
  });

  test('list and show tell endpoints and groups in every format, without keys (R057, R060, R061)', async () => {
    const table = (await enterprise('list', ...GROUP, '-o', 'table')).trim().split('\n');
    assert.equal(table.length, 4);
    assert.match(table[0] ?? '', /^Name +ResourceGroup +Location +Sku +State +HostName +Port/);
    assert.match(
      table[2] ?? '',
      /^Cache1 +replicationGroup +East US .*Cache1 Linked, Cache2 Linked$/,
    );
    const query = '[].databases[].geoReplication.groupNickname';
    assert.equal(await enterprise('list', '--query', query, '-o', 'tsv'), 'groupName\ngroupName\n');
    const shown = await enterprise('database', 'show', '-n', 'Cache2', ...GROUP);
    assert.equal(JSON.parse(shown).port, 10_000);
    assert.ok(!shown.includes('primaryKey'));
  });

  test('flush empties both, force-unlink and force-link take one out and in again (R056, R058)', async () => {
    const [east, west] = [await connect('Cache1'), await connect('Cache2')];
    const database = (name: string, ...args: readonly string[]) =>
      enterprise('database', ...args, '--cluster-name', name, ...GROUP, '--yes');
    await database('Cache1', 'flush', '--linked-ids', idOf('Cache2'));
    assert.deepEqual([await east.dbsize(), await west.dbsize()], [0, 0]);
    await database('Cache1', 'force-unlink', '--unlink-ids', idOf('Cache2'), '--reason', 'drill');
    await east.set('meanwhile', 'yes');
    await database(
      ...(['Cache2', 'force-link-to-replication-group', '--group-nickname', 'groupName'] as const),
      ...['--linked-databases', `[{id:${idOf('Cache1')}},{id:${idOf('Cache2')}}]`],
    );
    assert.equal(await (await connect('Cache2')).get('meanwhile'), 'yes');
  });

  test('what is refused says why, with the exit codes of the published tool', async () => {
    const missing = await atoll('redisenterprise', 'show', '-n', 'Cache9', ...GROUP);
    assert.equal(missing.code, 3);
    assert.match(missing.stderr, /^\(ResourceNotFound\) /);
    const sku = ['--sku', 'Enterprise_E10', ...GROUP, '--group-nickname', 'groupName'];
    const create = ['redisenterprise', 'create', '--cluster-name', 'Cache3', ...sku];
    const alone = await atoll(...create, '--linked-databases', `id=${idOf('Cache1')}`);
    assert.equal(alone.code, 1);
    assert.match(alone.stderr, /^\(OwnIdMissing\) [\s\S]*The cluster Cache3 is there/);
    const silent = await atoll('redisenterprise', 'delete', '-n', 'Cache1', ...GROUP);
    assert.equal(silent.code, 1);
    assert.match(silent.stderr, /no terminal on which to ask\n +Give --yes/);
    assert.equal((await atoll('redisenterprise', 'create', ...GROUP)).code, 2);
  });

  test('delete leaves the group to the others', async () => {
    await enterprise('delete', '--cluster-name', 'Cache2', ...GROUP, '--yes');
    const links = '--query=geoReplication.linkedDatabases[].state';
    const left = await enterprise('database', 'show', '-n', 'Cache1', ...GROUP, links, '-o', 'tsv');
    assert.equal(left, 'Linked\n');
    assert.equal((await atoll('logout')).code, 0);
    assert.equal((await atoll('redisenterprise', 'list')).code, 1);
  });
});
