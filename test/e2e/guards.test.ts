// What operators are told before it hurts: a member that cannot be reached, and a clock that is wrong.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { outageLines } from '../../src/cli/outage-view.ts';
import { connectEngine } from '../../src/engine/client.ts';
import { readStatus } from '../../src/group/admin.ts';
import { LocalGroup } from '../../src/group/local-group.ts';
import { lossStatement } from '../../src/group/loss-statement.ts';
import { unlinkMembers } from '../../src/group/membership.ts';
import { stopMember } from '../../src/group/outages.ts';
import type { ReplicatorStatus } from '../../src/replicator/status.ts';

const REGIONS = ['eastus', 'westeurope', 'japaneast'];
const WITHIN_MS = 15_000;

describe('guards of a group of three', () => {
  let parent = '';
  let group: LocalGroup;
  const clients = new Map<string, Redis>();

  before(async () => {
    parent = mkdtempSync(join(tmpdir(), 'atoll-guards-'));
    group = await LocalGroup.up({ dir: join(parent, 'group'), regions: REGIONS });
    for (const { region, host, enginePort } of group.members) {
      clients.set(region, await connectEngine({ host, port: enginePort }));
    }
  });

  after(async () => {
    for (const client of clients.values()) client.disconnect();
    await group.down();
    rmSync(parent, { recursive: true });
  });

  const client = (region: string) => clients.get(region) as Redis;
  const statusOf = (region: string) => readStatus(group.member(region));
  const statuses = () => Promise.all(REGIONS.map(statusOf));

  async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const deadlineMs = performance.now() + WITHIN_MS;
    while (!(await holds())) {
      assert.ok(performance.now() < deadlineMs, `not in time: ${what}`);
      await delay(50);
    }
  }

  async function setClock(region: string, setting: object): Promise<void> {
    const { host, adminPort } = group.member(region);
    const body = JSON.stringify(setting);
    const answer = await fetch(`http://${host}:${adminPort}/clock`, { method: 'POST', body });
    assert.equal(answer.status, 200, await answer.text());
  }

  const peerOf = (status: ReplicatorStatus, region: string) =>
    status.peers.find((peer) => peer.region === region);

  test('what is kept for a member that is cut off is counted, and what force-unlink would lose', async () => {
    await client('westeurope').set('before', '1');
    await until('it is everywhere', async () => (await client('eastus').get('before')) === '1');
    await group.cut('westeurope', 'eastus');
    await group.cut('westeurope', 'japaneast');
    for (let i = 0; i < 40; i++) await client('westeurope').set(`lost${i}`, 'x'.repeat(100));
    for (let i = 0; i < 25; i++) await client('eastus').set(`kept${i}`, 'x'.repeat(100));
    await until('eastus keeps 25 writes', async () => {
      return peerOf(await statusOf('eastus'), 'westeurope')?.outage?.ops === 25;
    });
    await until('japaneast keeps them too', async () => {
      return peerOf(await statusOf('japaneast'), 'westeurope')?.outage?.ops === 25;
    });
    await until('westeurope has its 40 in its log', async () => {
      return peerOf(await statusOf('westeurope'), 'eastus')?.pendingOps === 40;
    });
    const all = await statuses();
    const statement = lossStatement('westeurope', all, Date.now());
    assert.equal(statement?.lost.writes, 40);
    assert.ok((statement?.lost.bytes ?? 0) > 4000, `${statement?.lost.bytes}`);
    assert.ok((statement?.lost.oldestMs ?? 0) > 0);
    const text = outageLines(all, Date.now()).join('\n');
    assert.match(text, /eastus cannot reach westeurope for .*: keeps 25 writes/);
    assert.match(
      text,
      /force-unlink of westeurope would lose: 40 writes, .* known only to westeurope/,
    );
    await group.heal();
    await until('all is well again', async () => {
      return outageLines(await statuses(), Date.now()).length === 0;
    });
  });

  test('a clock that jumps by an hour is told of, and its writes come as they should', async () => {
    await setClock('japaneast', { shiftMs: 3_600_000 });
    await client('japaneast').set('clock', 'wrong');
    await until('the write is in eastus', async () => {
      return (await client('eastus').get('clock')) === 'wrong';
    });
    await until('japaneast says so', async () => {
      const alarm = (await statusOf('japaneast')).clock?.alarm ?? '';
      return /^own clock is 3,600 s ahead of 2 peers/.test(alarm);
    });
    await client('eastus').set('clock', 'newer');
    await until('the newer write is everywhere', async () => {
      return (await client('japaneast').get('clock')) === 'newer';
    });
    await setClock('japaneast', { shiftMs: 0 });
    await until('the alarm is over', async () => {
      return (await statusOf('japaneast')).clock?.alarm === null;
    });
  });

  test('writes from beyond the limit are held, and let through when it is raised', async () => {
    await setClock('eastus', { maxAheadMs: 100 });
    const { clock } = await statusOf('eastus');
    assert.equal(clock?.maxAheadMs, 100);
    await group.cut('japaneast', 'eastus');
    await group.cut('japaneast', 'westeurope');
    // A limit so wide that a step passes for none: this is how a clock looks that was wrong from the start.
    await setClock('japaneast', { maxAheadMs: 10 * 3_600_000 });
    await setClock('japaneast', { shiftMs: 3_600_000 });
    await client('japaneast').set('held', 'from the future');
    await until('it is in the log', async () => {
      return (peerOf(await statusOf('japaneast'), 'eastus')?.pendingOps ?? 0) > 0;
    });
    await setClock('japaneast', { shiftMs: 0 });
    await group.heal();
    await until('eastus holds it', async () => {
      return (peerOf(await statusOf('eastus'), 'japaneast')?.held?.heldFrames ?? 0) > 0;
    });
    const held = peerOf(await statusOf('eastus'), 'japaneast')?.held;
    assert.ok(Math.abs((held?.aheadMs ?? 0) - 3_600_000) < 60_000, `${held?.aheadMs}`);
    assert.equal(await client('eastus').get('held'), null);
    for (const region of REGIONS) await setClock(region, { maxAheadMs: 4_000_000 });
    await until('it is let through', async () => {
      return (await client('eastus').get('held')) === 'from the future';
    });
    await until('nothing is held any more', async () => {
      return peerOf(await statusOf('eastus'), 'japaneast')?.held === null;
    });
  });

  test('two members that are lost at once are given up at once', async () => {
    const lost = ['westeurope', 'japaneast'];
    for (const region of lost) await stopMember(group.dir, region);
    for (const region of lost) {
      await assert.rejects(unlinkMembers(group.dir, [region]), { code: 'MEMBERS_SILENT' });
    }
    await assert.rejects(unlinkMembers(group.dir, REGIONS), { code: 'LAST_MEMBER' });
    await unlinkMembers(group.dir, lost);
    assert.deepEqual(
      group.members.map(({ state }) => state),
      ['linked', 'unlinked', 'unlinked'],
    );
    await client('eastus').set('after', '1');
    await until('eastus goes on alone', async () => {
      const { peers, idle } = await statusOf('eastus');
      return peers.length === 0 && idle;
    });
  });
});
