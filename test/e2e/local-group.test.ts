import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connectEngine } from '../../src/engine/client.ts';
import { isRunning } from '../../src/engine/pid.ts';
import { engineOf, replicatorOf } from '../../src/group/group-file.ts';
import { LocalGroup } from '../../src/group/local-group.ts';
import { freePorts } from '../../src/group/ports.ts';
import { waitUntilQuiet } from '../../src/group/quiet.ts';

const replicatorScript = join(import.meta.dirname, 'support/stand-in-replicator.ts');
const regions = ['eastus', 'westeurope'];

describe('local group', () => {
  let parent = '';
  let dir = '';
  let group: LocalGroup;

  before(async () => {
    parent = mkdtempSync(join(tmpdir(), 'atoll-group-'));
    dir = join(parent, 'group');
    group = await LocalGroup.up({ dir, regions, wan: true, replicatorScript });
  });
  after(async () => {
    await group.down();
    rmSync(parent, { recursive: true });
  });

  test('is found again by its folder, connected, with the distances asked for', async () => {
    const again = LocalGroup.open(dir);
    const status = await again.status();
    assert.ok(status.ready);
    assert.ok(status.supervisorRunning);
    assert.deepEqual(
      status.members.map((member) => member.region),
      regions,
    );
    assert.equal(status.members[0]?.replicator?.peers[0]?.roundTripMs, 80);
    await waitUntilQuiet(again.quietMembers, 5_000);
  });

  test('cuts and heals a link on both sides', async () => {
    await group.cut('eastus', 'West Europe');
    const cut = await group.status();
    assert.deepEqual(
      cut.members.map((member) => member.replicator?.peers[0]?.cut),
      [true, true],
    );
    assert.equal(cut.ready, false);
    await group.heal();
    assert.ok((await group.status()).ready);
    await assert.rejects(group.cut('eastus', 'eastus'), { code: 'SAME_REGION' });
    await assert.rejects(group.cut('eastus', 'japaneast'), { code: 'MEMBER_UNKNOWN' });
    await assert.rejects(group.heal('eastus', 'mars'), { code: 'REGION_UNKNOWN' });
  });

  test('a replicator and an engine that are killed run again', async () => {
    const [member] = group.members;
    assert.ok(member);
    process.kill(member.replicatorPid, 'SIGKILL');
    process.kill(member.enginePid, 'SIGKILL');
    // An engine that was killed is empty: its member is filled again before it takes part.
    const deadlineMs = performance.now() + 60_000;
    for (;;) {
      const [now] = group.members;
      assert.ok(now);
      const changed =
        now.replicatorPid !== member.replicatorPid && now.enginePid !== member.enginePid;
      const { ready, members } = await group.status();
      if (changed && ready && members.every(({ state }) => state === 'linked')) break;
      assert.ok(performance.now() < deadlineMs, 'not running again after a minute');
      await delay(20);
    }
    const client = await connectEngine({ host: member.host, port: member.enginePort });
    assert.equal(await client.call('PING'), 'PONG');
    client.disconnect();
  });

  test('a folder with a running group is refused', async () => {
    const second = LocalGroup.up({ dir, regions, replicatorScript });
    await assert.rejects(second, { code: 'GROUP_RUNNING' });
    assert.ok((await group.status()).ready);
  });

  test('a folder with other files is refused and left alone', async () => {
    const other = mkdtempSync(join(parent, 'other-'));
    writeFileSync(join(other, 'thesis.txt'), 'x');
    const attempt = LocalGroup.up({ dir: other, regions, replicatorScript });
    await assert.rejects(attempt, { code: 'DIR_NOT_EMPTY' });
    assert.deepEqual(readdirSync(other), ['thesis.txt']);
  });

  test('what fails half-way leaves nothing behind', async () => {
    const failed = join(parent, 'failed');
    const attempt = LocalGroup.up({ dir: failed, regions, replicatorScript, logLevel: 'fatal' });
    await assert.rejects(attempt, { code: 'REPLICATOR_ENDED', message: /told not to/ });
    assert.ok(!existsSync(failed));
    const unknown = LocalGroup.up({ dir: failed, regions: ['atlantis'], replicatorScript });
    await assert.rejects(unknown, { code: 'REGION_UNKNOWN' });
    assert.ok(!existsSync(failed));
  });

  test('a port in use is named, and nothing is started', async () => {
    const [basePort = 0] = await freePorts(1);
    const listener = createServer();
    await new Promise<void>((resolve) => listener.listen(basePort + 1, '127.0.0.1', resolve));
    const attempt = LocalGroup.up({
      dir: join(parent, 'ports'),
      regions,
      replicatorScript,
      basePort,
    });
    await assert.rejects(attempt, { code: 'PORT_IN_USE', message: new RegExp(`${basePort + 1}`) });
    assert.ok(!existsSync(join(parent, 'ports')));
    listener.close();
  });

  test('after a crash of the whole machine the folder is taken over', async () => {
    const crashed = join(parent, 'crashed');
    const first = await LocalGroup.up({
      dir: crashed,
      regions,
      replicatorScript,
      supervise: false,
    });
    for (const member of first.members) {
      process.kill(member.enginePid, 'SIGKILL');
      process.kill(member.replicatorPid, 'SIGKILL');
    }
    const gone = () => first.members.every((member) => !isRunning(engineOf(crashed, member)));
    while (!gone()) await delay(5);
    const second = await LocalGroup.up({ dir: crashed, regions, replicatorScript });
    const { members } = second;
    await second.down();
    assert.ok(!existsSync(crashed));
    for (const member of members) {
      assert.ok(!isRunning(engineOf(crashed, member)));
      assert.ok(!isRunning(replicatorOf(crashed, member)));
    }
  });
});
