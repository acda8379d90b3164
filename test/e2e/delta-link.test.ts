// A member that was unlinked is linked again: it gets what differs from what it still holds.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { memberDir, readGroupFile } from '../../src/group/group-file.ts';
import { LocalGroup } from '../../src/group/local-group.ts';
import { endpointOf, stopMemberReplicator } from '../../src/group/member-processes.ts';
import { stateDir } from '../../src/group/member-settings.ts';
import { unlinkMembers } from '../../src/group/membership.ts';
import { waitUntilQuiet } from '../../src/group/quiet.ts';
import { heldSnapshotFile } from '../../src/replicator/join/held-file.ts';
import { fillWithAllTypes } from './support/all-types.ts';
import { assertSame, contentOf } from './support/content.ts';
import { run } from './support/run-atoll.ts';

const KEYS = 8000;
const QUIET_MS = 60_000;
const EAST = 'eastus';
const WEST = 'westeurope';

describe('force-link', () => {
  let dir = '';
  let group: LocalGroup;

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'atoll-delta-'));
    group = await LocalGroup.up({ dir: join(dir, 'group'), regions: [EAST, WEST] });
  });
  after(async () => {
    await group.down();
    rmSync(dir, { recursive: true });
  });

  const file = () => readGroupFile(group.dir) ?? assert.fail('the group has a file');
  const west = () => file().members.find(({ region }) => region === WEST) ?? assert.fail();

  async function withEngine(region: string, use: (client: Redis) => Promise<void>): Promise<void> {
    const client = new Redis(endpointOf(file(), group.member(region)));
    try {
      await use(client);
    } finally {
      client.disconnect();
    }
  }

  async function writeKeys(client: Redis, step: number): Promise<void> {
    for (let from = 0; from < KEYS; from += 2000) {
      const pipeline = client.pipeline();
      for (let i = from; i < from + 2000; i += step) {
        const value = randomBytes(1000);
        if (i % 500 === 0) pipeline.set(`key:${i}`, value, 'PX', 3_600_000 + i);
        else pipeline.set(`key:${i}`, value);
      }
      await pipeline.exec();
    }
  }

  async function assertEqual(): Promise<void> {
    const { clientPassword, members } = file();
    const linked = members.map((member) => ({ ...member, clientPassword }));
    await waitUntilQuiet(linked, QUIET_MS);
    assertSame(await Promise.all(linked.map((one) => contentOf(one))), [EAST, WEST]);
  }

  function assertNothingLeft(): void {
    const folder = memberDir(group.dir, west());
    assert.equal(existsSync(heldSnapshotFile(folder)), false);
    assert.equal(existsSync(heldSnapshotFile(stateDir(folder, west()))), false);
  }

  /** What travelled for the data, and how much that was. */
  async function forceLink(...options: string[]): Promise<{ bytes: number; data: number }> {
    const args = ['local', 'force-link', WEST, '--dir', group.dir, '--yes', '--json', ...options];
    const { code, stdout, stderr } = await run(args);
    assert.equal(code, 0, stderr);
    const { linked, bytes, givenBytes, logBytes } = JSON.parse(stdout) as Record<string, number>;
    assert.equal(linked, WEST);
    assert.ok(bytes !== undefined && givenBytes !== undefined && logBytes !== undefined, stdout);
    return { bytes: bytes - logBytes, data: givenBytes - logBytes };
  }

  test('of a member with 1 % of changes less than 3 % of the data travels', async () => {
    await withEngine(EAST, async (client) => {
      await fillWithAllTypes(client);
      await writeKeys(client, 1);
    });
    await assertEqual();
    await unlinkMembers(group.dir, [WEST]);
    await withEngine(EAST, (client) => writeKeys(client, 100));
    const { bytes, data } = await forceLink();
    assert.ok(data > KEYS * 1000, `${data} bytes stood for everything`);
    assert.ok(bytes < data * 0.03, `${bytes} of ${data} bytes`);
    await assertEqual();
    assertNothingLeft();
  });

  test('it says what travelled; with --full that is everything', async () => {
    await unlinkMembers(group.dir, [WEST]);
    const args = ['local', 'force-link', WEST, '--dir', group.dir, '--yes'];
    const { stdout, stderr } = await run(args);
    assert.match(stdout, /westeurope is linked again; .+ travelled for .+ of data \(\d/);
    assert.match(stderr, /saving|indexing/);
    await unlinkMembers(group.dir, [WEST]);
    const { bytes, data } = await forceLink('--full');
    assert.equal(bytes, data);
    assertNothingLeft();
    await assertEqual();
  });

  test('one that is interrupted is finished by the supervisor, with what was saved', async () => {
    await unlinkMembers(group.dir, [WEST]);
    const linking = forceLink();
    const before = west();
    const held = () => heldSnapshotFile(stateDir(memberDir(group.dir, west()), west()));
    while (west().id === before.id || !existsSync(held())) await delay(5);
    // The command gives up; its file stays for whoever tries again.
    await stopMemberReplicator(group.dir, west());
    await linking.catch(() => {});
    const deadlineMs = performance.now() + QUIET_MS;
    while (west().state !== 'linked') {
      assert.ok(performance.now() < deadlineMs);
      await delay(50);
    }
    await assertEqual();
    assertNothingLeft();
  });
});
