// Export and import through the control plane, over a hosting that runs nothing and engines of the test: what comes
// back is what there was, whatever went wrong has a reason and has changed nothing, and a stop loses nothing.

import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { RedisManagementClient } from '@azure/arm-rediscache';
import { RedisEnterpriseManagementClient } from '@azure/arm-redisenterprisecache';
import { ClientSecretCredential } from '@azure/identity';
import type { ControlPlane } from '../../src/control/control-plane.ts';
import { fillWithAllTypes } from './support/all-types.ts';
import { BlobServer } from './support/blob-server.ts';
import {
  at,
  ControlClient,
  type Reply,
  removeFolder,
  startPlane,
  temporaryFolder,
} from './support/control-bed.ts';
import { FakeHosting } from './support/fake-hosting.ts';
import { Engine, Undo } from './support/join-bed.ts';

const GROUP = '/resourceGroups/rg1';
const CLUSTER = `${GROUP}/providers/Microsoft.Cache/redisEnterprise/data`;
const DATABASE = `${CLUSTER}/databases/default`;
const CACHE = `${GROUP}/providers/Microsoft.Cache/redis/data`;

describe('export and import', () => {
  const dir = temporaryFolder();
  const files = mkdtempSync(join(tmpdir(), 'atoll-export-'));
  const undo = new Undo();
  const hosting = new FakeHosting(1024 ** 3);
  const options = { hosting, plain: false, exportDirs: [join(files, 'allowed')] };
  let plane: ControlPlane;
  let client: ControlClient;
  let blobs: BlobServer;
  let from: Engine;
  let into: Engine;
  const credentials = { clientId: '', clientSecret: '' };

  before(async () => {
    mkdirSync(join(files, 'allowed'));
    undo.defer(() => removeFolder(files));
    undo.defer(() => removeFolder(dir));
    undo.defer(() => plane.stop());
    plane = await startPlane(dir, options);
    Object.assign(credentials, plane.owner);
    client = new ControlClient(plane);
    await client.signIn(credentials);
    blobs = await BlobServer.start();
    undo.defer(() => blobs.stop());
    from = await Engine.start(undo);
    into = await Engine.start(undo);
    await fillWithAllTypes(from.client);
    await from.client.set('large', Buffer.alloc(9_000_000, 'incompressible?'));
    await from.client.config('SET', 'rdbcompression', 'no');
    await client.call('PUT', GROUP, { location: 'eastus' });
    const sku = { name: 'Balanced_B5' };
    assert.equal(await client.finish('PUT', CLUSTER, { location: 'eastus', sku }), 'Succeeded');
    const properties = { clientProtocol: 'Plaintext' };
    assert.equal(await client.finish('PUT', DATABASE, { properties }), 'Succeeded');
  });
  after(() => undo.run());
  beforeEach(async () => {
    hosting.calls.length = 0;
    hosting.endpoint = from.endpoint;
    await into.client.flushall();
  });

  const digest = async (engine: Engine) => await engine.client.call('DEBUG', 'DIGEST');
  /** What the status document says at the end. */
  const result = async (path: string, body: object) => {
    const reply = await client.call('POST', path, body);
    assert.equal(reply.status, 202, JSON.stringify(reply.body));
    const ended = await client.over(reply);
    const url = String(reply.headers['azure-asyncoperation']);
    const { body: status } = await client.send('GET', url.slice(client.url.length));
    assert.equal(String(at(status, 'status')) === 'Succeeded', ended === 'Succeeded');
    return status;
  };
  const code = (status: Reply['body']) => at(status, 'error', 'code');

  test('what is exported to a container and imported again is the same', async () => {
    const status = await result(`${DATABASE}/export`, { sasUri: blobs.url('/container') });
    const [[path = '', blob] = []] = [...blobs.blobs];
    assert.match(path, /^\/container\/data-default-\d{8}T\d{6}Z\.rdb$/);
    assert.equal(at(status, 'properties', 'bytes'), blob?.length);
    const told = JSON.stringify(status);
    assert.ok(told.includes(path) && !told.includes('sig='), told);
    const kinds = blobs.requests.map((one) => one.split(' ').at(-1));
    assert.deepEqual(kinds, ['block', 'block', 'block', 'blocklist']);

    hosting.endpoint = into.endpoint;
    const imported = await result(`${DATABASE}/import`, { sasUris: [blobs.url(path)] });
    assert.equal(at(imported, 'percentComplete'), 100);
    assert.equal(at(imported, 'properties', 'keys'), await from.client.dbsize());
    assert.equal(await digest(into), await digest(from));
    assert.equal(await into.client.call('FCALL', 'one', '0'), 1);
    assert.deepEqual(hosting.calls, ['flushEngine']);
    const { db } = plane.parts.store;
    const stored = JSON.stringify(await db.selectFrom('operations').selectAll().execute());
    assert.ok(!stored.includes('sig='), 'signatures are sealed');
  });

  test('one who knows no signatures gets one request, a small cache too', async () => {
    blobs.requests.length = 0;
    await result(`${DATABASE}/export`, { sasUri: blobs.url('/plain/whole.rdb', '') });
    hosting.endpoint = into.endpoint;
    await into.client.set('only', 'this');
    await result(`${DATABASE}/export`, { sasUri: blobs.url('/small') });
    assert.equal(blobs.requests[0], 'PUT /plain/whole.rdb BlockBlob');
    assert.match(blobs.requests[1] ?? '', /^PUT \/small\/data-default-.*\.rdb BlockBlob$/);
    assert.equal(blobs.requests.length, 2);
    await into.client.flushall();
    const uris = [blobs.url('/plain/whole.rdb', '')];
    await result(`${DATABASE}/import`, { sasUris: uris });
    assert.equal(await digest(into), await digest(from));
  });

  test('files go below the folders that the operator has named, and nowhere else', async () => {
    const allowed = join(files, 'allowed');
    assert.equal(
      await client.finish('PUT', CACHE, {
        location: 'eastus',
        properties: { sku: { name: 'Premium', family: 'P', capacity: 1 } },
      }),
      'Succeeded',
    );
    const body = { prefix: 'night', container: `file://${allowed}` };
    const status = await result(`${CACHE}/export`, body);
    const [name = ''] = readdirSync(allowed);
    assert.match(name, /^night-\d{8}T\d{6}Z\.rdb$/);
    assert.equal(at(status, 'properties', 'file'), join(allowed, name));
    assert.equal(readFileSync(join(allowed, name)).length, at(status, 'properties', 'bytes'));
    hosting.endpoint = into.endpoint;
    await result(`${CACHE}/import`, { files: [`file://${allowed}/${name}`] });
    assert.equal(await digest(into), await digest(from));

    symlinkSync(files, join(allowed, 'out'));
    writeFileSync(join(files, 'secret.rdb'), 'x');
    for (const uri of [
      ...[`file://${files}`, `file://${allowed}/..`, `file://${allowed}/%2e%2e/x`, 'file:///'],
      ...[`file://${allowed}-not`, `file://host${allowed}`, `file://${allowed}/a%2f..%2f..`],
      ...[`file://${allowed}/a%00`, 'ftp://example.org/x', 'http://u:p@localhost/x', 'nothing'],
    ]) {
      const refused = await client.call('POST', `${DATABASE}/export`, { sasUri: uri });
      assert.equal(refused.status, 400, uri);
      assert.equal(
        (await client.call('POST', `${DATABASE}/import`, { sasUris: [uri] })).status,
        400,
      );
    }
    const out = await result(`${DATABASE}/export`, { sasUri: `file://${allowed}/out` });
    assert.equal(code(out), 'FILE_NOT_ALLOWED');
    const stolen = [`file://${allowed}/out/secret.rdb`];
    assert.equal(code(await result(`${DATABASE}/import`, { sasUris: stolen })), 'FILE_NOT_ALLOWED');
    const nowhere = await result(`${DATABASE}/export`, { sasUri: `file://${allowed}/nothing` });
    assert.equal(code(nowhere), 'FILE_NOT_FOUND');
    assert.deepEqual(readdirSync(allowed).sort(), [name, 'out'].sort());
  });

  test('what cannot be imported is refused before anything is touched, and says why', async () => {
    hosting.endpoint = into.endpoint;
    await into.client.set('stays', 'here');
    const good = blobs.blobs.get('/plain/whole.rdb') ?? assert.fail('it was exported');
    const changed = Buffer.from(good);
    changed[good.length >> 1] = (changed[good.length >> 1] as number) ^ 1;
    const newer = Buffer.from(good);
    newer.write('REDIS0099', 'latin1');
    for (const [name, blob, expected] of [
      ['text', Buffer.from('<html>Sign in</html>'), 'FILE_NOT_IMPORTABLE'],
      ['cut', good.subarray(0, good.length - 100), 'FILE_NOT_IMPORTABLE'],
      ['changed', changed, 'FILE_NOT_IMPORTABLE'],
      ['newer', newer.fill(0, newer.length - 8), 'RDB_VERSION_UNKNOWN'],
    ] as const) {
      blobs.blobs.set(`/bad/${name}`, blob);
      const sasUris = [blobs.url('/plain/whole.rdb', ''), blobs.url(`/bad/${name}`)];
      const status = await result(`${DATABASE}/import`, { sasUris });
      assert.equal(code(status), expected, name);
      assert.ok(!JSON.stringify(status).includes('sig='));
    }
    const absent = await result(`${DATABASE}/import`, { sasUris: [blobs.url('/bad/absent')] });
    assert.equal(code(absent), 'BLOB_REFUSED');
    const forbidden = await result(`${DATABASE}/export`, { sasUri: blobs.url('/forbidden') });
    assert.match(JSON.stringify(forbidden), /BLOB_REFUSED.*403 \(AuthenticationFailed\)/);
    const nobody = 'http://127.0.0.1:1/container?sig=x';
    assert.equal(code(await result(`${DATABASE}/export`, { sasUri: nobody })), 'BLOB_UNREACHABLE');
    assert.deepEqual(hosting.calls, []);
    assert.equal(await into.client.get('stays'), 'here');
    const shown = await client.call('GET', DATABASE);
    assert.equal(at(shown.body, 'properties', 'provisioningState'), 'Succeeded');
  });

  test('published clients export and import', async () => {
    const tlsOptions = { ca: readFileSync(plane.caFile ?? assert.fail('it has a CA'), 'utf8') };
    const credential = new ClientSecretCredential(
      ...([plane.tenant, credentials.clientId, credentials.clientSecret] as const),
      { authorityHost: plane.url, disableInstanceDiscovery: true, tlsOptions },
    );
    const endpoint = { endpoint: plane.url, tlsOptions };
    const poll = { updateIntervalInMs: 50 };
    const { subscription } = client;
    const { databases } = new RedisEnterpriseManagementClient(credential, subscription, endpoint);
    const { redis } = new RedisManagementClient(credential, subscription, endpoint);
    hosting.endpoint = into.endpoint;
    for (const [name, exported, imported] of [
      [
        'sdk1',
        (sasUri: string) =>
          databases.beginExportAndWait('rg1', 'data', 'default', { sasUri }, poll),
        (sasUri: string) =>
          databases.beginImportAndWait('rg1', 'data', 'default', { sasUris: [sasUri] }, poll),
      ],
      [
        'sdk2',
        (container: string) =>
          redis.beginExportDataAndWait('rg1', 'data', { prefix: 'p', container }, poll),
        (file: string) => redis.beginImportDataAndWait('rg1', 'data', { files: [file] }, poll),
      ],
    ] as const) {
      await into.client.set('name', name);
      await exported(blobs.url(`/${name}/it.rdb`));
      await into.client.flushall();
      await imported(blobs.url(`/${name}/it.rdb`));
      assert.equal(await into.client.get('name'), name);
      await assert.rejects(imported(blobs.url('/bad/absent')), /BLOB_REFUSED/);
    }
  });

  test('a cache that becomes full says so', async () => {
    hosting.endpoint = into.endpoint;
    await into.client.config('SET', 'maxmemory', '4mb', 'maxmemory-policy', 'noeviction');
    const sasUris = [blobs.url('/plain/whole.rdb', '')];
    assert.equal(code(await result(`${DATABASE}/import`, { sasUris })), 'IMPORT_CACHE_FULL');
    await into.client.config('SET', 'maxmemory', '0');
  });

  test('a control plane that stops in the middle goes on when it starts again', async () => {
    hosting.endpoint = into.endpoint;
    const reached = Promise.withResolvers<void>();
    const stuck = Promise.withResolvers<void>();
    let asked = 0;
    blobs.gate = async () => {
      asked++;
      // It has checked the file, has emptied the cache, and is about to load.
      if (asked !== 2) return;
      reached.resolve();
      await stuck.promise;
    };
    const body = { sasUris: [blobs.url('/plain/whole.rdb', '')] };
    const begun = await client.call('POST', `${DATABASE}/import`, body);
    await reached.promise;
    const held = await client.call('POST', `${DATABASE}/flush`);
    assert.equal(at(held.body, 'error', 'code'), 'OperationInProgress');
    await plane.stop();
    blobs.gate = null;
    stuck.resolve();
    plane = await startPlane(dir, options);
    client = new ControlClient(plane);
    await client.signIn(credentials);
    const url = String(begun.headers['azure-asyncoperation']);
    const headers = { 'azure-asyncoperation': url.replace(/^https:\/\/[^/]+/, client.url) };
    assert.equal(await client.over({ ...begun, headers }), 'Succeeded');
    assert.equal(await digest(into), await digest(from));
    assert.deepEqual(hosting.calls, ['flushEngine'], 'it is emptied once');
  });
});
