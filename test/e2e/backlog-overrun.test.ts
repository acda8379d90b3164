// A replicator that was away for longer than the backlog of its engine reaches back, on real engines: what was written
// meanwhile gets everywhere, by comparing keys with another region, while clients go on.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { REPLICATOR_USER } from '../../src/engine/acl.ts';
import { connectEngine } from '../../src/engine/client.ts';
import { stopProcess } from '../../src/engine/pid.ts';
import { readStatusIfUp } from '../../src/group/admin.ts';
import { readGroupFile, replicatorOf } from '../../src/group/group-file.ts';
import { LocalGroup } from '../../src/group/local-group.ts';
import { startMemberReplicator } from '../../src/group/member-processes.ts';
import { waitUntilQuiet } from '../../src/group/quiet.ts';
import type { GapStatus } from '../../src/replicator/status.ts';
import { assertSame, contentOf } from './support/content.ts';
import { connectIoredis, type RegionClient } from './support/region-client.ts';

const REGIONS = ['eastus', 'westeurope', 'japaneast'];
const QUIET_MS = 60_000;
const WITHIN_MS = 60_000;

describe('a backlog that was overrun', () => {
  let parent = '';
  let group: LocalGroup;
  let clients: RegionClient[] = [];

  beforeEach(async () => {
    parent = mkdtempSync(join(tmpdir(), 'atoll-overrun-'));
    // Nobody starts the replicator again before the test does.
    group = await LocalGroup.up({ dir: join(parent, 'group'), regions: REGIONS, supervise: false });
    clients = await Promise.all(REGIONS.map((region) => connectIoredis(group.member(region))));
    const { host, enginePort } = group.member('westeurope');
    const password = readGroupFile(group.dir)?.replicatorPassword;
    const admin = await connectEngine({
      host,
      port: enginePort,
      username: REPLICATOR_USER,
      password,
    });
    await admin.config('SET', 'repl-backlog-size', '16kb');
    admin.disconnect();
  });
  afterEach(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await group.down();
    rmSync(parent, { recursive: true });
  });

  function start(): void {
    const file = readGroupFile(group.dir) ?? assert.fail('the group has a file');
    void startMemberReplicator(group.dir, file, group.member('westeurope'));
  }

  async function repaired(): Promise<GapStatus> {
    const deadlineMs = performance.now() + WITHIN_MS;
    for (;;) {
      const status = await readStatusIfUp(group.member('westeurope'));
      if (status?.gap?.isOver === true) return status.gap;
      const log = readFileSync(join(group.dir, 'westeurope', 'replicator.log'), 'utf8');
      assert.ok(performance.now() < deadlineMs, `${JSON.stringify(status)} ${log.slice(-3000)}`);
      await delay(50);
    }
  }

  /** Writes of one region, on keys of its own and on keys that all write to. */
  class Writer {
    readonly #client: RegionClient;
    readonly region: string;
    count = 0;

    constructor(i: number) {
      this.#client = clients[i] as RegionClient;
      this.region = REGIONS[i] as string;
    }

    async write(times: number): Promise<void> {
      for (let i = 0; i < times; i++) {
        const n = this.count++;
        const { region } = this;
        await this.#client.send(['SET', `${region}:${n}`, `${n}${'x'.repeat(200)}`]);
        await this.#client.send(['INCR', 'count']);
        await this.#client.send(['SADD', 'members', `${region}-${n}`]);
        await this.#client.send(['RPUSH', 'list', `${region}-${n}`]);
        await this.#client.send(['RPUSH', `list of ${region}`, String(n)]);
        await this.#client.send(['HINCRBY', 'hash', `f${n % 5}`, '1']);
        await this.#client.send(['ZADD', 'scores', String(n), `${region}-${n}`]);
        await this.#client.send(['XADD', `stream of ${region}`, '*', 'n', String(n)]);
      }
    }
  }

  test('costs no write, and the clients need not stop', async () => {
    const writers = REGIONS.map((_, i) => new Writer(i));
    const [east, west, japan] = writers as [Writer, Writer, Writer];
    await Promise.all(writers.map((writer) => writer.write(20)));
    const [, westClient] = clients as [RegionClient, RegionClient];
    await westClient.send(['SET', 'to remove', 'x']);
    await westClient.send(['SADD', 'shrinking', 'a', 'b']);
    await westClient.send(['SET', 'untouched', 'x']);
    await waitUntilQuiet(group.quietMembers, QUIET_MS);
    const file = readGroupFile(group.dir) ?? assert.fail('the group has a file');
    process.kill(replicatorOf(group.dir, group.member('westeurope')).pid, 'SIGKILL');
    await stopProcess(replicatorOf(group.dir, file.members[1] ?? assert.fail()), 1000);
    await westClient.send(['DEL', 'to remove']);
    await westClient.send(['SREM', 'shrinking', 'a']);
    await Promise.all(writers.map((writer) => writer.write(60)));
    start();
    // Clients write while the keys are compared.
    const during = Promise.all(writers.map((writer) => writer.write(60)));
    const gap = await repaired();
    await during;
    await waitUntilQuiet(group.quietMembers, QUIET_MS);
    assertSame(await Promise.all(group.quietMembers.map((member) => contentOf(member))), REGIONS);
    const total = east.count + west.count + japan.count;
    assert.equal(await westClient.send(['GET', 'count']), String(total));
    assert.equal(await westClient.send(['SCARD', 'members']), total);
    assert.equal(await westClient.send(['ZCARD', 'scores']), total);
    const elements = (await westClient.send(['LRANGE', 'list', '0', '-1'])) as string[];
    assert.equal(new Set(elements).size, total);
    assert.equal(elements.length, total);
    const fields = (await westClient.send(['HVALS', 'hash'])) as string[];
    assert.equal(
      fields.reduce((sum, value) => sum + Number(value), 0),
      total,
    );
    for (const { region, count } of writers) {
      assert.equal(await westClient.send(['LLEN', `list of ${region}`]), count);
      assert.equal(await westClient.send(['XLEN', `stream of ${region}`]), count);
      assert.equal(await westClient.send(['EXISTS', `${region}:${count - 1}`]), 1);
      assert.equal(await westClient.send(['EXISTS', `${region}:60`]), 1);
    }
    // What is gone comes back, as nobody knows why it is; what was taken from a value that is there stays away.
    assert.equal(await westClient.send(['GET', 'to remove']), 'x');
    assert.deepEqual(await westClient.send(['SMEMBERS', 'shrinking']), ['b']);
    assert.ok(gap.asserted >= 60 && gap.restored >= 1, JSON.stringify(gap));
    assert.ok(gap.asserted < 250, `only what differs is asserted: ${JSON.stringify(gap)}`);
  });
});
