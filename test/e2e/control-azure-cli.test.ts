// azure-cli as it is drives the control plane: the commands for caches, and the generic ones for what it has no
// command for. It signs in as a service principal, and as a user with a code.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { ControlPlane } from '../../src/control/control-plane.ts';
import {
  assignRole,
  type Credentials,
  createPrincipal,
} from '../../src/control/identity/principals.ts';
import { AzureCli, prepareAzureCli } from './support/azure-cli.ts';
import {
  at,
  ControlClient,
  type Json,
  removeFolder,
  startPlane,
  temporaryFolder,
} from './support/control-bed.ts';
import { FakeHosting } from './support/fake-hosting.ts';

const obstacle = await prepareAzureCli();
const VERSION = '2025-07-01';
const PASSWORD = 'correct horse battery';

describe('azure-cli', { skip: obstacle ?? false }, () => {
  const dir = temporaryFolder();
  const hosting = new FakeHosting(4 * 1024 ** 3);
  let plane: ControlPlane;
  let owner: Credentials;
  let azure: AzureCli;

  before(async () => {
    hosting.info = 'run_id:a\r\nused_memory:1000\r\nmaxmemory:4000\r\n';
    plane = await startPlane(dir, { plain: false, hosting, sampleEveryMs: 1_000 });
    owner = plane.owner ?? assert.fail('the first start makes an owner');
    azure = new AzureCli(join(dir, 'az'), plane.caFile ?? assert.fail('it has a CA'));
  });
  after(async () => {
    await plane.stop();
    await removeFolder(dir);
  });

  const az = async (...args: readonly string[]): Promise<Json> => {
    const { code, stdout, stderr } = await azure.run(args);
    assert.equal(code, 0, `az ${args.join(' ')}: ${stderr}`);
    return stdout.trim() === '' ? null : JSON.parse(stdout);
  };
  const idOf = (type: string, name: string) =>
    `/subscriptions/${plane.subscription}/resourceGroups/rg1/providers/Microsoft.Cache/${type}/${name}`;

  test('finds the cloud by its address, and signs in', async () => {
    const cloud = ['-n', 'Atoll'];
    await az('cloud', 'register', ...cloud, '--endpoint-resource-manager', plane.url);
    await az('cloud', 'set', ...cloud);
    const secret = ['-u', owner.clientId, '-p', owner.clientSecret];
    const accounts = await az('login', '--service-principal', ...secret, '--tenant', 'adfs');
    assert.equal(at(accounts, 0, 'id'), plane.subscription);
    const made = await az('group', 'create', '-n', 'rg1', '-l', 'East US');
    assert.equal(at(made, 'properties', 'provisioningState'), 'Succeeded');
    const provider = await az('provider', 'list', '--query', '[].registrationState');
    assert.deepEqual(provider, ['Registered']);
  });

  test('az redis: creates, shows, changes, deletes', async () => {
    const named = ['-n', 'c1', '-g', 'rg1'];
    const size = ['--sku', 'Premium', '--vm-size', 'p1'];
    const made = await az('redis', 'create', ...named, '-l', 'eastus', ...size);
    assert.equal(at(made, 'provisioningState'), 'Succeeded');
    const keys = await az('redis', 'list-keys', ...named);
    const renewed = await az('redis', 'regenerate-keys', ...named, '--key-type', 'Primary');
    assert.notEqual(at(renewed, 'primaryKey'), at(keys, 'primaryKey'));
    assert.equal(at(renewed, 'secondaryKey'), at(keys, 'secondaryKey'));
    await az('redis', 'update', ...named, '--set', 'tags.a=b');
    await az('redis', 'update', ...named, '--sku', 'Premium', '--vm-size', 'p2');
    const shown = await az('redis', 'show', ...named);
    assert.deepEqual([at(shown, 'tags', 'a'), at(shown, 'sku', 'capacity')], ['b', 2]);
    const resources = await az('resource', 'list', '-g', 'rg1', '--query', '[].id');
    assert.deepEqual(resources, [idOf('Redis', 'c1')]);
  });

  test('az monitor: metrics and the activity log', async () => {
    const resource = ['--resource', idOf('Redis', 'c1')];
    const names = await az(
      ...['monitor', 'metrics', 'list-definitions', ...resource, '--query', '[].name.value'],
    );
    assert.ok(Array.isArray(names) && names.includes('usedmemorypercentage'));
    const listed = await az(
      ...['monitor', 'metrics', 'list', ...resource, '--metric', 'usedmemorypercentage'],
      ...['--interval', 'PT1M', '--aggregation', 'Maximum'],
    );
    const data = at(listed, 'value', 0, 'timeseries', 0, 'data');
    assert.ok(Array.isArray(data) && data.some((point) => at(point, 'maximum') === 25));
    const log = ['monitor', 'activity-log', 'list', '-g', 'rg1'];
    const events = await az(...log, '--query', '[].operationName.value');
    assert.match(JSON.stringify(events), /redis\/write/);
  });

  test('az resource and az rest: clusters and databases', async () => {
    const cluster = idOf('redisEnterprise', 'e1');
    const database = `${cluster}/databases/default`;
    const version = ['--api-version', VERSION];
    const full = {
      ...{ location: 'eastus', sku: { name: 'Balanced_B5' } },
      properties: { publicNetworkAccess: 'Disabled' },
    };
    const properties = ['--is-full-object', '--properties', JSON.stringify(full)];
    await az('resource', 'create', '--id', cluster, ...version, ...properties);
    const geo = { groupNickname: 'g', linkedDatabases: [{ id: database }] };
    const body = JSON.stringify({
      properties: {
        ...{ evictionPolicy: 'NoEviction', geoReplication: geo },
        accessKeysAuthentication: 'Enabled',
      },
    });
    const url = `${database}?api-version=${VERSION}`;
    const put = await az('rest', '--method', 'put', '--url', url, '--body', body);
    assert.equal(at(put, 'properties', 'geoReplication', 'linkedDatabases', 0, 'state'), 'Linking');
    const list = `/subscriptions/{subscriptionId}/providers/Microsoft.Cache/redisEnterprise?api-version=${VERSION}`;
    assert.equal(at(await az('rest', '--url', list), 'value', 0, 'name'), 'e1');
    const action = ['resource', 'invoke-action', '--ids', database, ...version, '--action'];
    assert.ok(at(await az(...action, 'listKeys'), 'primaryKey'));
    await az(...action, 'flush');
    assert.ok(hosting.calls.includes('flushGroup'));
    await az('resource', 'delete', '--ids', cluster, ...version);
    await az('redis', 'delete', '-n', 'c1', '-g', 'rg1', '-y');
    const { code, stderr } = await azure.run(['redis', 'show', '-n', 'c1', '-g', 'rg1']);
    assert.equal(code, 3);
    assert.match(stderr, /ResourceNotFound/);
  });

  test('a user signs in with a code', async () => {
    const { db } = plane.parts.store;
    const user = { kind: 'User', login: 'gil', displayName: 'Gil', secret: PASSWORD } as const;
    const { objectId } = await createPrincipal(db, user);
    const scope = `/subscriptions/${plane.subscription}/resourceGroups/rg1`;
    await assignRole(db, { objectId, role: 'Reader', scope });
    let entered: Promise<{ status: number }> | null = null;
    const login = ['login', '--use-device-code', '--tenant', 'adfs'];
    const reply = await azure.run(login, (text) => {
      const [, user_code] = /enter the code ([A-Z]{4}-[A-Z]{4})/.exec(text) ?? [];
      if (user_code === undefined || entered !== null) return;
      const form = new URLSearchParams({ user_code, name: 'gil', password: PASSWORD });
      entered = new ControlClient(plane).sendRaw('POST', '/devicelogin', {
        body: form.toString(),
        type: 'application/x-www-form-urlencoded',
      });
    });
    assert.equal(reply.code, 0, reply.stderr);
    assert.ok(entered !== null);
    const group = await az('group', 'show', '-n', 'rg1');
    assert.equal(at(group, 'name'), 'rg1');
    const refused = await azure.run(['group', 'delete', '-n', 'rg1', '-y']);
    assert.match(refused.stderr, /AuthorizationFailed/);
    assert.match(refused.stderr, /'gil'/);
  });
});
