// What lists and single resources cost the control plane when there are many: `node bench/control-plane.ts
// [resources] [postgres://...]`. Half of them are clusters, half their databases, in groups of five. It runs no
// engines, and asks one after the other over one connection.

import { mkdtempSync } from 'node:fs';
import { Agent } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { insertResource } from '../src/control/store/resources.ts';
import {
  ControlClient,
  type Reply,
  removeFolder,
  startPlane,
} from '../test/e2e/support/control-bed.ts';
import { FakeHosting } from '../test/e2e/support/fake-hosting.ts';

const ROUNDS = 200;
const MEMBERS = 5;
const GROUP = '/resourceGroups/bench';
const CLUSTERS = `${GROUP}/providers/Microsoft.Cache/redisEnterprise`;

const resources = Number(process.argv[2] ?? 2_000);
const databaseUrl = process.argv[3];
const dir = mkdtempSync(join(tmpdir(), 'atoll-bench-control-'));
const hosting = new FakeHosting(1024 ** 4);
const plane = await startPlane(dir, { plain: false, hosting, databaseUrl });
const client = new ControlClient(plane);
const agent = new Agent({ keepAlive: true });
try {
  await client.signIn(plane.owner ?? { clientId: '', clientSecret: '' });
  await client.call('PUT', GROUP, { location: 'eastus' });
  await fill();
  await measure('a page of clusters', `${CLUSTERS}`);
  await measure('a page of clusters of the subscription', CLUSTERS.slice(GROUP.length));
  await measure('a page of all resources', '/resources');
  await measure('one cluster', `${CLUSTERS}/c${resources >> 2}`);
  await measure(
    'one database, in a group of five',
    `${CLUSTERS}/c${resources >> 2}/databases/default`,
  );
} finally {
  agent.destroy();
  await plane.stop();
  await removeFolder(dir);
}

/** As creations would have left them. */
async function fill(): Promise<void> {
  const { store } = plane.parts;
  const sku = { name: 'Balanced_B5' };
  await client.finish('PUT', `${CLUSTERS}/c0`, { location: 'eastus', sku });
  await client.finish('PUT', `${CLUSTERS}/c0/databases/default`, { properties: {} });
  const rows = await store.db.selectFrom('resources').selectAll().orderBy('key').execute();
  const [cluster, database] = rows;
  if (cluster === undefined || database === undefined) throw new Error('nothing was created');
  const path = { subscription: client.subscription, resourceGroup: 'bench' };
  const common = { path, state: 'Running', provisioning: 'Succeeded', nowMs: Date.now() } as const;
  await store.change(async (change) => {
    for (let index = 1; index < resources / 2; index++) {
      const id = cluster.id.replace(/c0$/, `c${index}`);
      const group = `group-${Math.floor(index / MEMBERS)}`;
      if (index === 1 || index % MEMBERS === 0) {
        const row = { id: group, nickname: group, created_ms: 0 };
        await change.insertInto('geo_groups').values(row).execute();
      }
      const { settings, hosting: place } = cluster;
      await insertResource(change, { ...common, id, type: 'cluster', settings, hosting: place });
      await insertResource(change, {
        ...{
          ...common,
          id: `${id}/databases/default`,
          type: 'database',
          clusterKey: id.toLowerCase(),
        },
        ...{ geoGroup: group, linkState: 'Linked', secrets: database.secrets },
        ...{
          settings: database.settings,
          hosting: { ...database.hosting, runs: { as: 'nothing' } },
        },
      });
    }
  });
}

async function measure(what: string, path: string): Promise<void> {
  const tookMs: number[] = [];
  const url = `/subscriptions/${client.subscription}${path}?api-version=2025-07-01`;
  for (let round = 0; round < ROUNDS; round++) {
    const startMs = performance.now();
    const reply: Reply = await client.send('GET', url, { agent });
    tookMs.push(performance.now() - startMs);
    if (reply.status !== 200) throw new Error(`${what}: ${reply.status}`);
  }
  tookMs.sort((a, b) => a - b);
  const [median, late, last] = [0.5, 0.99, 1].map((part) =>
    (tookMs[Math.ceil(part * ROUNDS) - 1] ?? 0).toFixed(1),
  );
  console.log(`${what.padEnd(42)} median ${median} ms, 99% ${late} ms, longest ${last} ms`);
}
