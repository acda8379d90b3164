// The state of the control plane, in both of its databases: the embedded one, and PostgreSQL where there is one.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { ControlPlane } from '../../src/control/control-plane.ts';
import { ArmError } from '../../src/control/model/arm-error.ts';
import { addDataToken, dataTokensOf } from '../../src/control/store/data-tokens.ts';
import {
  findOperation,
  insertOperation,
  unfinished,
  writeProgress,
  writeReport,
} from '../../src/control/store/operations.ts';
import { findPart, partsOf, putPart } from '../../src/control/store/parts.ts';
import {
  deleteResource,
  findCache,
  resourcesAdmitting,
  updateResource,
} from '../../src/control/store/resources.ts';
import { Store } from '../../src/control/store/store.ts';
import {
  at,
  ControlClient,
  removeFolder,
  startPlane,
  temporaryFolder,
} from './support/control-bed.ts';
import { FakeHosting } from './support/fake-hosting.ts';
import { findPostgres, type Postgres, startPostgres } from './support/postgres.ts';

const GROUP = '/resourceGroups/rg1';
const CACHES = `${GROUP}/providers/Microsoft.Cache/redis`;
const CACHE = {
  location: 'eastus',
  properties: { sku: { name: 'Basic', family: 'C', capacity: 0 } },
};
const MEBIBYTE = 1024 ** 2;
const SOMEBODY = '00000000-0000-4000-8000-000000000001';

const programs = findPostgres();
let postgres: Postgres | null = null;
before(async () => {
  if (programs !== null) postgres = await startPostgres(programs);
});
after(() => postgres?.stop());

for (const kind of ['embedded', 'PostgreSQL'] as const) {
  const skip =
    kind === 'PostgreSQL' && programs === null
      ? 'no PostgreSQL is installed; ATOLL_TEST_POSTGRES=1 installs it'
      : false;
  describe(`a control plane with its state in ${kind}`, { skip }, () => {
    const dir = temporaryFolder();
    const hosting = new FakeHosting(60 * 48 * MEBIBYTE);
    let databaseUrl: string | undefined;
    let plane: ControlPlane;
    let client: ControlClient;
    const credentials = { clientId: '', clientSecret: '' };

    before(async () => {
      databaseUrl = kind === 'embedded' ? undefined : await postgres?.newDatabase();
      plane = await startPlane(dir, { hosting, databaseUrl });
      Object.assign(credentials, plane.owner);
      client = new ControlClient(plane);
      await client.signIn(credentials);
      await client.call('PUT', GROUP, { location: 'eastus' });
    });
    after(async () => {
      await plane.stop();
      await removeFolder(dir);
    });

    test('a hundred creations at once all end: done, or refused for want of room', async () => {
      const names = Array.from({ length: 100 }, (_, index) => `c${index}`);
      const replies = await Promise.all(
        names.map((name) => client.call('PUT', `${CACHES}/${name}`, CACHE)),
      );
      const made = replies.filter(({ status }) => status === 201);
      // 32 MiB of data and 16 MiB beside it each.
      assert.equal(made.length, 60);
      for (const { status, body } of replies.filter((reply) => !made.includes(reply))) {
        assert.equal(status, 409);
        assert.equal(at(body, 'error', 'code'), 'CapacityExceeded');
      }
      const ended = await Promise.all(made.map((reply) => client.over(reply)));
      assert.ok(ended.every((status) => status === 'Succeeded'));
      const addresses = made.map(({ body }) => at(body, 'properties', 'hostName'));
      assert.equal(new Set(addresses).size, 60);
      assert.equal(hosting.calls.filter((call) => call === 'startEngine').length, 60);
      assert.deepEqual(await unfinished(plane.parts.store.db), []);
    });

    test('what is held by an operation is held against others, until it has ended', async () => {
      const { store } = plane.parts;
      const about = { targetId: '/x', targetKey: '/x', subscription: 's', location: 'eastus' };
      const wish = { kind: 'flush-cache', ...about, principal: 'p', holds: ['a', 'b'] } as const;
      const begin = (holds: readonly string[]) =>
        store.change((change) => insertOperation(change, { ...wish, holds }));
      const both = await Promise.allSettled([begin(['a', 'b']), begin(['b', 'c'])]);
      assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
      const [id = ''] = both.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      const [why] = both.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
      assert.ok(why instanceof ArmError && why.code === 'OperationInProgress');
      await writeReport(store.db, id, { percent: 41.5, result: { keys: 3 } });
      const fault = { code: 'X', message: 'so' };
      const progress = { status: 'Failed', direction: 'backward', step: 0, fault } as const;
      await store.change((change) => writeProgress(change, id, progress));
      const found = await findOperation(store.db, id);
      assert.deepEqual([found?.percent, found?.result, found?.fault], [41.5, { keys: 3 }, fault]);
      const next = await begin(['b']);
      await store.change((change) => writeProgress(change, next, progress));
    });

    test('a change that fails leaves nothing behind', async () => {
      const { store } = plane.parts;
      const key = `/subscriptions/${client.subscription}${CACHES}/c0`;
      const failed = store.change(async (change) => {
        const cache = await findCache(change, key);
        assert.ok(cache !== undefined);
        await updateResource(change, cache.key, { state: 'Broken' });
        throw new Error('no');
      });
      await assert.rejects(failed, /^Error: no$/);
      assert.equal((await findCache(store.db, key))?.state, 'Running');
    });

    test('parts go with what they are part of; tokens are found by their owners', async () => {
      const { store } = plane.parts;
      const { db } = store;
      const cache = await findCache(db, `/subscriptions/${client.subscription}${CACHES}/c0`);
      assert.ok(cache !== undefined);
      const id = `${cache.id}/firewallRules/One`;
      const part = { id, type: 'firewallRule', parentKey: cache.key } as const;
      for (const startIP of ['10.0.0.1', '10.0.0.2']) {
        await putPart(db, { ...part, settings: { startIP }, provisioning: 'Succeeded' });
      }
      assert.deepEqual((await findPart(db, id.toUpperCase()))?.settings, { startIP: '10.0.0.2' });
      assert.equal((await partsOf(db, cache.key, 'firewallRule')).length, 1);
      await addDataToken(db, SOMEBODY, { digest: 'a', untilMs: 10 });
      await addDataToken(db, SOMEBODY, { digest: 'b', untilMs: 20 });
      assert.deepEqual(await dataTokensOf(db, SOMEBODY, 10), [{ digest: 'b', untilMs: 20 }]);
      const users = [{ name: SOMEBODY, rules: null, tokens: [] }];
      assert.deepEqual(await resourcesAdmitting(db, SOMEBODY), []);
      await updateResource(db, cache.key, { access: { users } });
      for (const who of [SOMEBODY, null]) {
        const found = await resourcesAdmitting(db, who);
        assert.deepEqual(found, [{ key: cache.key, access: { users } }]);
      }
      await deleteResource(db, cache.key);
      assert.equal(await findPart(db, id), undefined);
    });

    test('what was there is there after a new start', async () => {
      const list = async () => (await client.call('GET', CACHES)).body;
      const before = await list();
      await plane.stop();
      plane = await startPlane(dir, { hosting, databaseUrl });
      assert.equal(plane.owner, null);
      client = new ControlClient(plane);
      await client.signIn(credentials);
      assert.deepEqual(await list(), before);
    });
  });
}

test('a database that cannot be used is an error of the operator, without the password', async () => {
  const url = 'postgres://atoll:secret@127.0.0.1:1/atoll';
  await assert.rejects(Store.open({ url }), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'DATABASE_UNUSABLE');
    assert.ok(!error.message.includes('secret'));
    return true;
  });
  await assert.rejects(Store.open({ dir: join('/proc', 'nowhere') }), {
    code: 'DATABASE_UNUSABLE',
  });
});
