// Metrics through the API, of engines that only say what the test lets them say.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { ControlPlane } from '../../src/control/control-plane.ts';
import {
  at,
  ControlClient,
  type Json,
  removeFolder,
  startPlane,
  temporaryFolder,
} from './support/control-bed.ts';
import { FakeHosting } from './support/fake-hosting.ts';

const GROUP = '/resourceGroups/rg1';
const PROVIDER = `${GROUP}/providers/Microsoft.Cache`;
const CACHE = `${PROVIDER}/redis/c1`;
const CLUSTER = `${PROVIDER}/redisEnterprise/e1`;
const SAMPLED_WITHIN_MS = 10_000;

describe('metrics of the control plane', () => {
  const dir = temporaryFolder();
  const hosting = new FakeHosting(1024 ** 3);
  let plane: ControlPlane;
  let client: ControlClient;

  before(async () => {
    plane = await startPlane(dir, { hosting, sampleEveryMs: 100 });
    client = new ControlClient(plane);
    await client.signIn(plane.owner ?? assert.fail('the first start makes an owner'));
    await client.call('PUT', GROUP, { location: 'eastus' });
    const sku = { name: 'Standard', family: 'C', capacity: 0 };
    const cache = await client.finish('PUT', CACHE, { location: 'eastus', properties: { sku } });
    assert.equal(cache, 'Succeeded');
    const cluster = { location: 'eastus', sku: { name: 'Enterprise_E10', capacity: 2 } };
    assert.equal(await client.finish('PUT', CLUSTER, cluster), 'Succeeded');
  });
  after(async () => {
    await plane.stop();
    await removeFolder(dir);
  });

  const ask = async (resource: string, query: Record<string, string> = {}) => {
    const parameters = new URLSearchParams({ 'api-version': '2018-01-01', ...query });
    const path = `/subscriptions/${client.subscription}${resource}/providers/Microsoft.Insights`;
    return await client.send('GET', `${path}/metrics?${parameters}`);
  };
  /** Once everything that there is has been measured anew, twice. */
  const sampled = async (): Promise<void> => {
    const wanted = hosting.measured + 6;
    const deadlineMs = performance.now() + SAMPLED_WITHIN_MS;
    while (hosting.measured < wanted) {
      assert.ok(performance.now() < deadlineMs, 'samples are taken');
      await delay(20);
    }
  };
  const valuesOf = (body: Json, metric: number, name: string): Json[] => {
    const data = at(body, 'value', metric, 'timeseries', 0, 'data');
    assert.ok(Array.isArray(data), JSON.stringify(body));
    return data.flatMap((point) => at(point, name) ?? []);
  };

  test('are those of the engine, and of nothing when it is silent', async () => {
    await sampled();
    const empty = await ask(CACHE, { metricnames: 'usedmemory' });
    assert.equal(empty.status, 200);
    assert.deepEqual(valuesOf(empty.body, 0, 'maximum'), []);
    hosting.info = 'run_id:a\r\nused_memory:500\r\nmaxmemory:1000\r\nkeyspace_hits:10\r\n';
    await sampled();
    hosting.info = hosting.info.replace('keyspace_hits:10', 'keyspace_hits:17');
    await sampled();
    const { body, status } = await ask(CACHE, {
      metricnames: 'cachehits,usedmemorypercentage',
      aggregation: 'Total,Maximum',
      interval: 'FULL',
      timespan: encodeURIComponent('PT1H'),
    });
    assert.equal(status, 200);
    assert.equal(at(body, 'namespace'), 'Microsoft.Cache/redis');
    assert.deepEqual(valuesOf(body, 0, 'total'), [7]);
    assert.deepEqual(valuesOf(body, 1, 'maximum'), [50]);
    assert.deepEqual(valuesOf(body, 1, 'average'), [], 'nobody asked for it');
  });

  test('of a cluster are those of its database, also of its group', async () => {
    const none = await ask(CLUSTER);
    assert.equal(at(none.body, 'value', 0, 'name', 'value'), 'geoReplicationHealthy');
    assert.deepEqual(valuesOf(none.body, 0, 'maximum'), []);
    const id = `/subscriptions/${client.subscription}${CLUSTER}/databases/default`;
    const properties = {
      evictionPolicy: 'NoEviction',
      geoReplication: { groupNickname: 'g', linkedDatabases: [{ id }] },
    };
    const made = await client.finish('PUT', `${CLUSTER}/databases/default`, { properties });
    assert.equal(made, 'Succeeded');
    await sampled();
    const healthy = await ask(CLUSTER, { $filter: "InstanceId eq '*'" });
    assert.deepEqual(valuesOf(healthy.body, 0, 'maximum'), [1]);
    assert.equal(
      at(healthy.body, 'value', 0, 'timeseries', 0, 'metadatavalues', 0, 'value'),
      ...(['0'] as const),
    );
    const other = await ask(CLUSTER, { $filter: "InstanceId eq '7'" });
    assert.deepEqual(at(other.body, 'value', 0, 'timeseries'), []);
  });

  test('are refused where there is no such metric or cache', async () => {
    const unknown = await ask(CACHE, { metricnames: 'geoReplicationHealthy' });
    assert.equal(unknown.status, 400);
    assert.match(String(at(unknown.body, 'error', 'message')), /Failed to find metric/);
    const absent = await ask(`${PROVIDER}/redis/none`);
    assert.equal(at(absent.body, 'error', 'code'), 'ResourceNotFound');
    const path = `/subscriptions/${client.subscription}${CACHE}/providers/Microsoft.Insights`;
    const definitions = await client.send(
      'GET',
      `${path}/metricDefinitions?api-version=2018-01-01`,
    );
    const first = at(definitions.body, 'value', 0);
    assert.equal(at(first, 'name', 'value'), 'usedmemory');
    assert.equal(at(first, 'metricAvailabilities', 0, 'timeGrain'), 'PT1M');
    assert.equal(await client.finish('DELETE', CACHE), 'Succeeded');
    assert.equal((await ask(CACHE)).status, 404);
    const sku = { name: 'Basic', family: 'C', capacity: 0 };
    const anew = { location: 'eastus', properties: { sku } };
    hosting.info = null;
    assert.equal(await client.finish('PUT', CACHE, anew), 'Succeeded');
    const past = await ask(CACHE, { metricnames: 'usedmemory' });
    assert.deepEqual(valuesOf(past.body, 0, 'maximum'), [], 'a new cache has no past');
  });
});
