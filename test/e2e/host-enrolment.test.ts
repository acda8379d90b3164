// Hosts as the API shows them, over a hosting that runs nothing: who may bring one, how both sides know each other,
// and where new caches are placed.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pino } from 'pino';
import type { ControlPlane } from '../../src/control/control-plane.ts';
import { makeHostToken } from '../../src/control/hosts/host-token.ts';
import { assignRole, createPrincipal } from '../../src/control/identity/principals.ts';
import { certificateRequest, newKey } from '../../src/group/authority.ts';
import { hostServerName } from '../../src/group/host-protocol.ts';
import { freePorts } from '../../src/group/ports.ts';
import { enrol } from '../../src/host/enrolment.ts';
import { Host } from '../../src/host/host.ts';
import {
  at,
  ControlClient,
  type Reply,
  removeFolder,
  startPlane,
  temporaryFolder,
  VERSION,
} from './support/control-bed.ts';
import { FakeHosting } from './support/fake-hosting.ts';

const GROUP = '/resourceGroups/rg1';
const ENTERPRISE = `${GROUP}/providers/Microsoft.Cache/redisEnterprise`;
const MEBIBYTE = 1024 ** 2;
const GIBIBYTE = 1024 * MEBIBYTE;
const HOSTS = `/hosts?api-version=${VERSION}`;
const TOKENS = `/hosts/tokens?api-version=${VERSION}`;

describe('hosts of a control plane', () => {
  const dir = temporaryFolder();
  const hosting = new FakeHosting(GIBIBYTE);
  let plane: ControlPlane;
  let client: ControlClient;
  let request = '';

  before(async () => {
    plane = await startPlane(join(dir, 'control'), { plain: false, hosting });
    client = new ControlClient(plane);
    await client.signIn(plane.owner ?? assert.fail('the first start makes an owner'));
    await client.call('PUT', GROUP, { location: 'eastus' });
    request = await certificateRequest(await newKey());
  });
  after(async () => {
    await plane.stop();
    await removeFolder(dir);
  });

  const newToken = async (location = 'East US'): Promise<string> => {
    const reply = await client.send('POST', TOKENS, { body: JSON.stringify({ location }) });
    assert.equal(reply.status, 200, JSON.stringify(reply.body));
    return String(at(reply.body, 'token'));
  };
  const wish = (changes: object = {}) => ({
    ...{ name: 'h1', region: 'eastus', address: '127.0.0.2', port: 1, memoryBytes: GIBIBYTE },
    ...{ engineVersion: '7.0.15', modules: [], request },
    ...changes,
  });
  const listed = async (): Promise<unknown[]> => {
    const value = at((await client.send('GET', HOSTS)).body, 'value');
    return Array.isArray(value) ? value.map((one) => at(one, 'name')) : [];
  };
  const code = ({ body }: Reply) => at(body, 'error', 'code');
  const as = async (role: string): Promise<ControlClient> => {
    const { db } = plane.parts.store;
    const credentials = await createPrincipal(db, { kind: 'ServicePrincipal', displayName: role });
    await assignRole(db, { objectId: credentials.objectId, role, scope: '/' });
    const one = new ControlClient(plane);
    await one.signIn(credentials);
    return one;
  };

  test('only who may give rights may bring one', async () => {
    const body = JSON.stringify({ location: 'eastus' });
    for (const role of ['Contributor', 'Reader']) {
      const somebody = await as(role);
      assert.equal(code(await somebody.send('POST', TOKENS, { body })), 'AuthorizationFailed');
      assert.equal((await somebody.send('GET', HOSTS)).status, 200);
    }
    const nobody = new ControlClient(plane);
    assert.equal((await nobody.send('GET', HOSTS)).status, 401);
    const nowhere = JSON.stringify({ location: 'atlantis' });
    assert.equal((await client.send('POST', TOKENS, { body: nowhere })).status, 400);
  });

  test('a token is not sent to somebody else than the control plane that it is of', async () => {
    const token = await newToken();
    const other = `${token.split('.')[0]}.${'0'.repeat(64)}`;
    await assert.rejects(enrol(plane.url, other, wish()), /not the control plane/);
    await assert.rejects(enrol(plane.url, 'half', wish()), /not whole/);
    assert.deepEqual(await listed(), []);
    const { certificate } = await enrol(plane.url, token, wish());
    assert.match(certificate, /BEGIN CERTIFICATE/);
    assert.deepEqual(await listed(), ['h1']);
  });

  test('a token is used up by a success, and by nothing else', async () => {
    const token = await newToken();
    const key = await certificateRequest(await newKey());
    const refused = async (changes: object, why: RegExp) =>
      await assert.rejects(enrol(plane.url, token, wish(changes)), why);
    await refused({ region: 'westus' }, /for region eastus/);
    await refused({ request: key }, /HostNameTaken/);
    await refused({ request: 'none' }, /cannot be read/);
    await refused({ address: 'there' }, /no IP address/);
    await refused({ name: '../h2' }, /name/);
    await enrol(plane.url, token, wish({ name: 'h2', request: key }));
    await refused({ name: 'h3' }, /has been used/);
    const { sealer } = plane.parts.plans;
    const { pem: authority } = plane.parts.hosts.authority;
    const times = { lifetimeMs: 1000, nowMs: Date.now() - 1000 };
    const old = makeHostToken(sealer, { region: 'eastus', ...times, authority });
    await assert.rejects(enrol(plane.url, old, wish({ name: 'h3' })), /has expired/);
    assert.deepEqual(await listed(), ['h1', 'h2']);
  });

  test('a host admits nobody but its control plane', async () => {
    const [port = 0] = await freePorts(1);
    const host = await Host.start({
      ...{ dir: join(dir, 'h4'), log: pino({ level: 'fatal' }), version: 'test' },
      join: { url: plane.url, token: await newToken('West US') },
      ...{ name: 'h4', region: 'West US', address: '127.0.0.1', port, memoryBytes: GIBIBYTE },
    });
    try {
      const status = await plane.parts.hosts.clientOf('h4').call('status', {});
      assert.deepEqual([status.name, status.memoryBytes], ['h4', GIBIBYTE]);
      // A certificate of the same CA, as every engine has one.
      const files = await plane.parts.hosts.authority.issue('an engine');
      const call = (tls: https.RequestOptions) =>
        new Promise<number>((resolve, reject) => {
          const options = { ...tls, port, method: 'POST', path: '/status', agent: false };
          const ca = readFileSync(files.caFile);
          const sent = https.request({ host: '127.0.0.1', ca, ...options }, ({ statusCode }) =>
            resolve(statusCode ?? 0),
          );
          sent.on('error', reject);
          sent.end();
        });
      const own = { cert: readFileSync(files.certFile), key: readFileSync(files.keyFile) };
      assert.equal(await call(own), 403);
      await assert.rejects(call({}), 'without a certificate there is no connection');
      const shown = () => readFileSync(join(dir, 'h4', 'tls', 'host.pem'), 'utf8');
      const before = shown();
      const about = { names: [hostServerName('h4')], addresses: ['127.0.0.1'] };
      await plane.parts.hosts.certify('h4', 'host', about);
      assert.notEqual(shown(), before);
      assert.equal(await call(own), 403, 'it goes on with the new certificate');
    } finally {
      await host.stop();
    }
  });

  test('what is placed there counts, and keeps it from being forgotten', async () => {
    const place = { isReachable: true, modules: [] };
    hosting.places = [
      { name: 'h1', address: '10.0.0.1', memoryBytes: 200 * MEBIBYTE, ...place },
      { name: 'h2', address: '10.0.0.2', memoryBytes: 300 * MEBIBYTE, ...place },
      { name: 'h9', address: '10.0.0.9', memoryBytes: GIBIBYTE, ...place, isReachable: false },
    ];
    const sku = { name: 'Balanced_B3' };
    const create = async (name: string) =>
      await client.call('PUT', `${ENTERPRISE}/${name}`, { location: 'eastus', sku });
    const placed: unknown[] = [];
    for (const name of ['a', 'b', 'c']) {
      const reply = await create(name);
      placed.push(at(reply.body, 'properties', 'hostName'));
      assert.equal(await client.over(reply), 'Succeeded');
    }
    assert.deepEqual(placed, ['10.0.0.2', '10.0.0.1', '10.0.0.2'], 'where most is free');
    assert.equal(code(await create('d')), 'CapacityExceeded');
    const port = async (name: string, asked?: number) => {
      const properties = { evictionPolicy: 'NoEviction', ...(asked ? { port: asked } : {}) };
      const path = `${ENTERPRISE}/${name}/databases/default`;
      const reply = await client.call('PUT', path, { properties });
      if (reply.status < 300) await client.over(reply);
      return code(reply) ?? at(reply.body, 'properties', 'port');
    };
    assert.deepEqual([await port('a'), await port('b')], [10_000, 10_000]);
    assert.deepEqual([await port('c', 10_000), await port('c')], ['PortTaken', 10_001]);

    const forget = (name: string, query = '') =>
      client.send('DELETE', `/hosts/${name}?api-version=${VERSION}${query}`);
    assert.equal(code(await forget('h2')), 'HostInUse');
    assert.equal(code(await forget('h2', '&force=true')), 'HostInUse', 'it was seen just now');
    assert.equal((await forget('h4')).status, 200);
    assert.equal(code(await forget('h4')), 'HostNotFound');
  });

  test('a group is on hosts, or on the machine of the control plane', async () => {
    const sku = { name: 'Balanced_B3' };
    const join = async (name: string, location: string, ...linked: readonly string[]) => {
      const path = `${ENTERPRISE}/${name}`;
      assert.equal(await client.finish('PUT', path, { location, sku }), 'Succeeded');
      const linkedDatabases = [...linked, name].map((one) => ({
        id: `/subscriptions/${client.subscription}${ENTERPRISE}/${one}/databases/default`,
      }));
      const geoReplication = { groupNickname: 'grp', linkedDatabases };
      const properties = { evictionPolicy: 'NoEviction', geoReplication };
      const reply = await client.call('PUT', `${path}/databases/default`, { properties });
      return code(reply) ?? (await client.over(reply));
    };
    const place = { isReachable: true, modules: [], memoryBytes: GIBIBYTE };
    hosting.places = [{ name: 'h5', address: '10.0.0.5', ...place }];
    assert.equal(await join('g1', 'eastus'), 'Succeeded');
    hosting.places = null;
    assert.equal(await join('g2', 'westus', 'g1'), 'PlacesMixed');
  });
});
