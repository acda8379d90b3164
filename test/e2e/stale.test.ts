// A member that is away for longer than the logs of the others may grow, on real engines: they go on without it
// and keep nothing; when it can be reached again it is filled anew by itself.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { readStatus } from '../../src/group/admin.ts';
import { readGroupFile } from '../../src/group/group-file.ts';
import { LocalGroup } from '../../src/group/local-group.ts';
import { listQuarantines } from '../../src/group/quarantines.ts';
import { waitUntilQuiet } from '../../src/group/quiet.ts';
import type { ReplicatorStatus } from '../../src/replicator/status.ts';
import { assertSame, contentOf } from './support/content.ts';
import { connectIoredis, type RegionClient } from './support/region-client.ts';
import { run } from './support/run-atoll.ts';

const QUIET_MS = 30_000;
const WITHIN_MS = 60_000;
const MB = 1024 * 1024;

describe('a member that is away for too long', () => {
  let dir = '';
  let group: LocalGroup;
  const clients: RegionClient[] = [];

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'atoll-stale-'));
    group = await LocalGroup.up({
      dir: join(dir, 'group'),
      regions: ['eastus', 'westeurope', 'japaneast'],
      segmentBytes: 128 * 1024,
      logMaxBytes: 2 * MB,
    });
  });
  after(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await group.down();
    rmSync(dir, { recursive: true });
  });

  async function client(region: string): Promise<RegionClient> {
    const connected = await connectIoredis(group.member(region));
    clients.push(connected);
    return connected;
  }

  async function until(
    region: string,
    isWanted: (status: ReplicatorStatus) => boolean,
  ): Promise<ReplicatorStatus> {
    const deadlineMs = performance.now() + WITHIN_MS;
    for (;;) {
      const status = await readStatus(group.member(region)).catch(() => undefined);
      if (status !== undefined && isWanted(status)) return status;
      assert.ok(performance.now() < deadlineMs, `${region}: ${JSON.stringify(status)}`);
      await delay(50);
    }
  }

  test('is stale for all once one of them keeps too much, and costs them nothing from then on', async () => {
    const [east, west, japan] = [
      await client('eastus'),
      await client('westeurope'),
      await client('japaneast'),
    ];
    await east.send(['SADD', 'members', 'first']);
    await japan.send(['SET', 'from japan', 'yes']);
    await waitUntilQuiet(group.quietMembers, QUIET_MS);
    await group.cut('japaneast', 'eastus');
    await group.cut('japaneast', 'westeurope');
    await japan.send(['SADD', 'members', 'only there']);
    // Half a log: a member is not given up for that.
    for (let n = 0; n < 8; n++) await east.send(['SET', `half:${n}`, 'x'.repeat(100 * 1024)]);
    await delay(6000);
    const early = await until('eastus', () => true);
    assert.equal(early.peers.find(({ region }) => region === 'japaneast')?.stale, null);
    for (let n = 0; n < 24; n++) {
      await east.send(['SET', `big:${n}`, 'x'.repeat(100 * 1024)]);
      await west.send(['INCR', 'count']);
    }
    for (const region of ['eastus', 'westeurope']) {
      const isReleased = ({ peers, logBytes, liveIndex }: ReplicatorStatus): boolean =>
        peers.some((peer) => peer.region === 'japaneast' && (peer.stale?.kept ?? 0) > 0) &&
        logBytes < MB &&
        liveIndex.keys === 0;
      await until(region, isReleased);
    }
    const { stdout } = await run(['local', 'status', '--dir', group.dir]);
    assert.match(stdout, /japaneast STALE/);
    assert.match(stdout, /ALARM eastus: japaneast is stale: nothing is kept for it any more/);
    await west.send(['SADD', 'members', 'second']);
    await until('eastus', (status) => status.liveIndex.keys === 0);
  });

  test('is filled anew by itself when it is back; what it alone has is in quarantine', async () => {
    const before = group.member('japaneast').id;
    await group.heal();
    const deadlineMs = performance.now() + WITHIN_MS;
    for (;;) {
      const { id, state } = group.member('japaneast');
      if (id !== before && state === 'linked') break;
      assert.ok(performance.now() < deadlineMs, JSON.stringify(group.members));
      await delay(50);
    }
    await waitUntilQuiet(group.quietMembers, QUIET_MS);
    assertSame(
      await Promise.all(group.quietMembers.map((member) => contentOf(member))),
      group.members.map(({ region }) => region),
    );
    const japan = await client('japaneast');
    const members = (await japan.send(['SMEMBERS', 'members'])) as string[];
    assert.deepEqual(members.sort(), ['first', 'second']);
    assert.equal(await japan.send(['GET', 'count']), '24');
    const file = readGroupFile(group.dir) ?? assert.fail('the group has a file');
    const quarantined = listQuarantines(group.dir, file).flatMap(({ ops }) => ops);
    assert.deepEqual(
      quarantined.map(({ command }) => command),
      [['SADD', 'members', 'only there']],
    );
    await japan.send(['INCR', 'count']);
    await until('eastus', (status) => status.peers.every((peer) => peer.connected && !peer.stale));
  });
});
