// Who takes part in a group of real engines and replicators: members join under load, lose their engines, are
// unlinked and linked again, and leave. Every acknowledged write that may not be lost is there once.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { isRunning, signalProcess } from '../../src/engine/pid.ts';
import { healLinks } from '../../src/group/admin.ts';
import { flushGroup } from '../../src/group/flush.ts';
import { engineOf, readGroupFile, supervisorOf, updateMember } from '../../src/group/group-file.ts';
import { withGroupLock } from '../../src/group/group-lock.ts';
import { forceLink, joinGroup } from '../../src/group/joining.ts';
import { LocalGroup } from '../../src/group/local-group.ts';
import { endpointOf } from '../../src/group/member-processes.ts';
import { dropMembers, leaveGroup, unlinkMembers } from '../../src/group/membership.ts';
import { beginAnew } from '../../src/group/outages.ts';
import { listQuarantines, mergeBack } from '../../src/group/quarantines.ts';
import { waitUntilQuiet } from '../../src/group/quiet.ts';
import { assertSame, contentOf } from './support/content.ts';
import { connectIoredis, type RegionClient } from './support/region-client.ts';

const QUIET_MS = 30_000;
const LINKED_WITHIN_MS = 60_000;

describe('membership', () => {
  let dir = '';
  let group: LocalGroup;
  const clients: RegionClient[] = [];

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'atoll-membership-'));
    group = await LocalGroup.up({ dir: join(dir, 'group'), regions: ['eastus', 'westeurope'] });
  });
  after(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await group.down();
    rmSync(dir, { recursive: true });
  });

  const file = () => readGroupFile(group.dir) ?? assert.fail('the group has a file');
  const linked = () => file().members.filter(({ state }) => state === 'linked');

  async function client(region: string): Promise<RegionClient> {
    const connected = await connectIoredis(group.member(region));
    clients.push(connected);
    return connected;
  }

  async function until(isReached: () => boolean | Promise<boolean>): Promise<void> {
    const deadlineMs = performance.now() + LINKED_WITHIN_MS;
    while (!(await isReached())) {
      assert.ok(performance.now() < deadlineMs, JSON.stringify(file().members));
      await delay(50);
    }
  }

  async function assertEqual(): Promise<void> {
    const { clientPassword } = file();
    const members = linked().map((member) => ({ ...member, clientPassword }));
    await waitUntilQuiet(members, QUIET_MS);
    assertSame(
      await Promise.all(members.map(contentOf)),
      members.map(({ region }) => region),
    );
  }

  test('one joins while the others are written to, and misses nothing', async () => {
    const writers = [await client('eastus'), await client('westeurope')];
    let added = 0;
    let isOver = false;
    const load = writers.map(async (writer, i) => {
      for (let n = 0; !isOver; n++) {
        await writer.send(['INCR', 'count']);
        added++;
        await writer.send(['SADD', 'members', `${i}-${n}`]);
        await writer.send(['RPUSH', 'list', `${i}-${n}`]);
        await writer.send(['HINCRBY', 'hash', `f${n % 7}`, '1']);
      }
    });
    await delay(300);
    const seen: string[] = [];
    await joinGroup(group.dir, 'japaneast', { onProgress: ({ phase }) => seen.push(phase) });
    await delay(300);
    isOver = true;
    await Promise.all(load);
    await assertEqual();
    const newcomer = await client('japaneast');
    assert.equal(await newcomer.send(['GET', 'count']), String(added));
    assert.equal(await newcomer.send(['SCARD', 'members']), added);
    assert.equal(await newcomer.send(['LLEN', 'list']), added);
    await newcomer.send(['INCR', 'count']);
    await assertEqual();
    assert.equal(await writers[0]?.send(['GET', 'count']), String(added + 1));
    assert.ok(seen.length > 0, 'progress is told');
    await assert.rejects(joinGroup(group.dir, 'japaneast'), { code: 'MEMBER_EXISTS' });
  });

  test('one whose engine has lost its data is filled again by itself', async () => {
    const [before] = file().members.filter(({ region }) => region === 'japaneast');
    assert.ok(before !== undefined);
    const writer = await client('japaneast');
    const expected = Number(await writer.send(['INCRBY', 'count', '5']));
    await waitUntilQuiet(group.quietMembers, QUIET_MS);
    process.kill(engineOf(group.dir, before).pid, 'SIGKILL');
    await until(() => {
      const now = file().members.find(({ region }) => region === 'japaneast');
      return now?.state === 'linked' && now.id !== before.id;
    });
    assert.equal(await (await client('japaneast')).send(['GET', 'count']), String(expected));
    await (await client('japaneast')).send(['INCR', 'count']);
    await assertEqual();
  });

  test('is filled again too where that was interrupted once the others had dropped it', async () => {
    const member = group.member('westeurope');
    await withGroupLock(group.dir, 'membership', 'dropping a member', async () => {
      process.kill(member.enginePid, 'SIGKILL');
      await until(() => group.member('westeurope').state === 'draining');
      await dropMembers(group.dir, file(), [group.member('westeurope')]);
      assert.ok(file().gone.some(({ id }) => id === member.id));
    });
    await until(() => linked().length === file().members.length);
    assert.notEqual(group.member('westeurope').id, member.id);
    await assertEqual();
  });

  test('one that is unlinked keeps its own writes apart, and comes back by a wipe', async () => {
    const [east, japan] = [await client('eastus'), await client('japaneast')];
    await east.send(['SET', 'shared', 'old']);
    await waitUntilQuiet(group.quietMembers, QUIET_MS);
    await group.cut('japaneast', 'eastus');
    await group.cut('japaneast', 'westeurope');
    await japan.send(['SET', 'alone', 'yes']);
    await unlinkMembers(group.dir, ['japaneast']);
    await east.send(['SET', 'shared', 'new']);
    assert.equal(await east.send(['GET', 'alone']), null);
    await healLinks(group.member('japaneast'));
    let refusal = '';
    for (let i = 0; i < 200 && refusal === ''; i++) {
      await japan.send(['SET', 'more', '1']).catch((error: Error) => {
        refusal = error.message;
      });
      await delay(50);
    }
    assert.match(refusal, /NOPERM/);
    const [quarantine] = listQuarantines(group.dir, file());
    assert.deepEqual(quarantine?.ops[0]?.command?.slice(1), ['alone', 'yes']);
    await forceLink(group.dir, 'japaneast');
    await assertEqual();
    const again = await client('japaneast');
    assert.deepEqual(await again.send(['MGET', 'shared', 'alone']), ['new', null]);
    const kept = listQuarantines(group.dir, file()).flatMap(({ ops }) => ops);
    const merged = await mergeBack(kept.slice(0, 1), endpointOf(file(), group.member('eastus')));
    assert.deepEqual(merged, { made: 1, refused: [], skipped: 0 });
    await assertEqual();
    assert.equal(await again.send(['GET', 'alone']), 'yes');
  });

  test('flushing empties all of them, and one that leaves leaves its writes behind', async () => {
    assert.ok((await flushGroup(group.dir)) > 0);
    await assertEqual();
    const japan = await client('japaneast');
    assert.equal(await japan.send(['DBSIZE']), 0);
    for (let i = 0; i < 200; i++) await japan.send(['SADD', 'last', String(i)]);
    const leaving = group.member('japaneast');
    await leaveGroup(group.dir, 'japaneast');
    assert.equal(isRunning(engineOf(group.dir, leaving)), false);
    assert.deepEqual(
      file().members.map(({ region }) => region),
      ['eastus', 'westeurope'],
    );
    await assertEqual();
    assert.equal(await (await client('westeurope')).send(['SCARD', 'last']), 200);
  });

  test('a group that has lost all its engines at once begins anew, empty, and replicates', async () => {
    const before = file();
    for (const member of before.members) process.kill(engineOf(group.dir, member).pid, 'SIGKILL');
    const hasBegun = (): boolean =>
      linked().length === before.members.length &&
      linked().every(({ id, enginePid }) => id >= before.nextId && enginePid > 0);
    await until(hasBegun);
    const [east, west] = [await client('eastus'), await client('westeurope')];
    const sizes = () => Promise.all([east.send(['DBSIZE']), west.send(['DBSIZE'])]);
    await until(() =>
      sizes().then(
        () => true,
        (error: Error) => assert.match(error.message, /NOPERM/) ?? false,
      ),
    );
    assert.deepEqual(await sizes(), [0, 0]);
    await until(async () => (await group.status()).ready);
    await Promise.all([east.send(['INCRBY', 'count', '2']), west.send(['INCRBY', 'count', '3'])]);
    await assertEqual();
    assert.equal(await east.send(['GET', 'count']), '5');
  });

  test('it begins anew also where something was applied to its new engines', async () => {
    const supervisor = supervisorOf(group.dir, file());
    signalProcess(supervisor, 'SIGSTOP');
    const { members } = file();
    for (const { region } of members) updateMember(group.dir, region, { state: 'draining' });
    await withGroupLock(group.dir, 'membership', 'a test', () => beginAnew(group.dir));
    signalProcess(supervisor, 'SIGCONT');
    await until(async () => (await group.status()).ready);
    const [east, west] = [await client('eastus'), await client('westeurope')];
    assert.deepEqual([await east.send(['DBSIZE']), await west.send(['DBSIZE'])], [0, 0]);
    await west.send(['INCRBY', 'count', '7']);
    await assertEqual();
    assert.equal(await east.send(['GET', 'count']), '7');
  });
});
