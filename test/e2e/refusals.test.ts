// A replicator that must not run, or must not be let in, says why and what to do, and harms nothing.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { REPLICATOR_USER } from '../../src/engine/acl.ts';
import { connectEngine } from '../../src/engine/client.ts';
import { findEngine } from '../../src/engine/find.ts';
import { stopProcess } from '../../src/engine/pid.ts';
import { startEngine, stopEngine } from '../../src/engine/process.ts';
import { readStatusIfUp } from '../../src/group/admin.ts';
import { GroupAuthority } from '../../src/group/authority.ts';
import { memberDir } from '../../src/group/group-file.ts';
import { LocalGroup } from '../../src/group/local-group.ts';
import { freePorts } from '../../src/group/ports.ts';
import { startReplicator, writeReplicatorSettings } from '../../src/group/replicator-process.ts';
import { type ReplicatorConfig, replicatorConfigSchema } from '../../src/replicator/config.ts';

const REPLICATOR_SCRIPT = join(import.meta.dirname, '../../src/replicator/main.ts');
const PASSWORD = 'password of the replicator';
const STRANGER = 2;
const REFUSED_WITHIN_MS = 15_000;

describe('a replicator from elsewhere', () => {
  let parent = '';
  let group: LocalGroup;
  let engine: Awaited<ReturnType<typeof startEngine>>;
  let enginePort = 0;
  const engineDir = () => join(parent, 'engine');

  before(async () => {
    parent = mkdtempSync(join(tmpdir(), 'atoll-refusals-'));
    group = await LocalGroup.up({ dir: join(parent, 'group'), regions: ['eastus', 'westeurope'] });
    mkdirSync(engineDir());
    [enginePort = 0] = await freePorts(1);
    engine = await startEngine({
      binary: await findEngine({ engine: undefined }),
      dir: engineDir(),
      port: enginePort,
      users: { clientPassword: null, replicatorPassword: PASSWORD },
      settings: { maxmemoryBytes: 0 },
    });
  });

  after(async () => {
    await stopEngine(engine.process.pid, engineDir());
    await group.down();
    rmSync(parent, { recursive: true });
  });

  /** The settings of the second member, for a replicator with the other engine and ports of its own. */
  async function stranger(name: string, change: Partial<ReplicatorConfig>): Promise<string> {
    const dir = join(parent, name);
    mkdirSync(join(dir, 'state'), { recursive: true });
    const file = join(memberDir(group.dir, group.member('westeurope')), 'replicator.json');
    const settings = replicatorConfigSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    const [port = 0, adminPort = 0] = await freePorts(2);
    writeReplicatorSettings(dir, {
      ...settings,
      members: settings.members.map((m) => (m.id === STRANGER ? { ...m, port } : m)),
      engine: {
        host: '127.0.0.1',
        port: enginePort,
        username: REPLICATOR_USER,
        password: PASSWORD,
      },
      stateDir: join(dir, 'state'),
      admin: { host: '127.0.0.1', port: adminPort },
      ...change,
    });
    return dir;
  }

  /** Why the first member does not let it in. */
  async function refusalOf(dir: string): Promise<string> {
    const text = readFileSync(join(dir, 'replicator.json'), 'utf8');
    const { admin } = replicatorConfigSchema.parse(JSON.parse(text));
    const started = startReplicator(REPLICATOR_SCRIPT, dir);
    try {
      const deadlineMs = performance.now() + REFUSED_WITHIN_MS;
      for (;;) {
        const address = { region: 'elsewhere', host: admin.host, adminPort: admin.port };
        const peer = (await readStatusIfUp(address))?.peers[0];
        assert.notEqual(peer?.connected, true, 'it was let in');
        if (peer?.lastError !== undefined && peer.lastError !== null) return peer.lastError;
        assert.ok(performance.now() < deadlineMs, 'it was not refused');
        await delay(20);
      }
    } finally {
      await stopProcess(started.process, 5_000);
    }
  }

  test('of another group is refused by name, although its certificate is right', async () => {
    const dir = await stranger('other-group', { group: 'another' });
    assert.match(await refusalOf(dir), /belongs to group.*another|another.*belongs to group/);
    assert.ok((await group.status()).ready);
  });

  test('with a certificate of another authority is refused', async () => {
    const authority = await GroupAuthority.create(join(parent, 'other-tls'), 'another');
    const dir = await stranger('other-authority', { tls: await authority.issue('westeurope') });
    assert.match(await refusalOf(dir), /certificate/);
    assert.ok((await group.status()).ready);
  });

  test('with a certificate of another region is refused', async () => {
    const file = join(memberDir(group.dir, group.member('eastus')), 'replicator.json');
    const { tls } = replicatorConfigSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    const dir = await stranger('other-region', { tls });
    assert.match(await refusalOf(dir), /certificate is for "eastus"/);
    assert.ok((await group.status()).ready);
  });

  test('whose engine is not empty does not start, and says what to do', async () => {
    const client = await connectEngine({ host: '127.0.0.1', port: enginePort });
    await client.set('left', 'over');
    const dir = await stranger('not-empty', {});
    const { message } = await startReplicator(REPLICATOR_SCRIPT, dir).ended;
    assert.match(message, new RegExp(`127\\.0\\.0\\.1:${enginePort} holds 1 keys`));
    assert.match(message, /an empty engine/);
    assert.equal(await client.get('left'), 'over');
    await client.del('left');
    client.disconnect();
  });

  test('without its engine does not start, and says what to check', async () => {
    const [nobody = 0] = await freePorts(1);
    const engine = { host: '127.0.0.1', port: nobody, username: 'x', password: 'y' };
    const { message } = await startReplicator(
      REPLICATOR_SCRIPT,
      await stranger('no-engine', { engine }),
    ).ended;
    assert.match(message, new RegExp(`127\\.0\\.0\\.1:${nobody} cannot be used`));
  });
});
