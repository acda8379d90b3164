// The control plane is killed in the middle of its operations and started again: each of them is finished, and
// nothing is left over.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { processesWith } from '../../../src/engine/pid.ts';
import { freePorts } from '../../../src/group/ports.ts';
import {
  at,
  ControlClient,
  connectDatabase,
  removeFolder,
  temporaryFolder,
} from './control-bed.ts';

const SCRIPT = join(import.meta.dirname, 'control-child.ts');
const GROUP = '/resourceGroups/rg1';
const SETTLED_WITHIN_MS = 120_000;
const greeting = z.object({
  ...{ url: z.string(), subscription: z.string(), caFile: z.string().nullable() },
  owner: z.object({ clientId: z.string(), clientSecret: z.string() }).nullable(),
});

/** When the process dies: as the operation begins, so many ms into it, and before it is known to be done. */
export interface Round {
  readonly create: string;
  readonly join: string;
  readonly import: string;
  readonly flush: string;
  readonly unlink: string;
  readonly remove: string;
  readonly removeLast: string;
}

export function testRestarts(rounds: readonly Round[]): void {
  describe('a control plane that is killed', () => {
    const dir = temporaryFolder();
    let port = 0;
    let child: ChildProcess;
    let lines: Interface;
    let client: ControlClient;
    const database = (name: string) =>
      `${GROUP}/providers/Microsoft.Cache/redisEnterprise/${name}/databases/default`;
    const cluster = (name: string) => database(name).replace('/databases/default', '');

    async function start(): Promise<z.infer<typeof greeting>> {
      child = spawn(
        process.execPath,
        ['--disable-warning=ExperimentalWarning', SCRIPT, dir, `${port}`],
        {
          stdio: ['pipe', 'pipe', 'inherit'],
        },
      );
      lines = createInterface({ input: child.stdout ?? assert.fail('it has an output') });
      const [line] = await once(lines, 'line');
      return greeting.parse(JSON.parse(String(line)));
    }

    before(async () => {
      [port = 0] = await freePorts(1);
      const started = await start();
      client = new ControlClient(started);
      await client.signIn(started.owner ?? assert.fail('the first start makes an owner'));
      await client.call('PUT', GROUP, { location: 'eastus' });
      for (const [name, location] of [
        ['a', 'eastus'],
        ['b', 'westus'],
      ] as const) {
        const sku = { name: 'Balanced_B3' };
        assert.equal(await client.finish('PUT', cluster(name), { location, sku }), 'Succeeded');
      }
    });
    after(async () => {
      child.kill('SIGKILL');
      await removeFolder(dir);
    });

    /** Asks for something and lets the process die of it; the next process goes on. */
    async function dieIn(kind: string, moment: string, ask: () => Promise<unknown>): Promise<void> {
      child.stdin?.write(`${kind} ${moment}\n`);
      await once(lines, 'line');
      const gone = once(child, 'exit');
      // Whether it is still answered is a matter of luck.
      await ask().catch(() => undefined);
      await gone;
      await start();
    }

    /** The state in which a database comes to rest; null: it is gone. */
    async function settled(name: string): Promise<string | null> {
      const deadlineMs = performance.now() + SETTLED_WITHIN_MS;
      for (;;) {
        const { status, body } = await client.call('GET', database(name));
        if (status === 404) return null;
        const state = String(at(body, 'properties', 'provisioningState'));
        if (['Succeeded', 'Failed'].includes(state)) return state;
        assert.ok(performance.now() < deadlineMs, `${name} comes to rest: ${state}`);
        await delay(100);
      }
    }

    const geo = (...names: readonly string[]) => ({
      properties: {
        ...{ clientProtocol: 'Plaintext', evictionPolicy: 'NoEviction' },
        geoReplication: {
          groupNickname: 'grp',
          linkedDatabases: names.map((name) => ({
            id: `/subscriptions/${client.subscription}${database(name)}`,
          })),
        },
      },
    });
    const links = async (name: string) => {
      const { body } = await client.call('GET', database(name));
      const linked = at(body, 'properties', 'geoReplication', 'linkedDatabases');
      return Array.isArray(linked) ? linked.map((one) => at(one, 'state')) : [];
    };
    const withRedis = async <T>(
      name: string,
      work: (redis: Awaited<ReturnType<typeof connectDatabase>>) => Promise<T>,
    ): Promise<T> => {
      const redis = await connectDatabase(client, cluster(name), undefined);
      try {
        return await work(redis);
      } finally {
        redis.disconnect();
      }
    };

    const seen = async (
      name: string,
      isSo: (redis: Awaited<ReturnType<typeof connectDatabase>>) => Promise<boolean>,
    ): Promise<void> => {
      const deadlineMs = performance.now() + SETTLED_WITHIN_MS;
      while (!(await withRedis(name, isSo))) {
        assert.ok(performance.now() < deadlineMs, `${name} has what was imported`);
        await delay(100);
      }
    };

    for (const round of rounds) {
      test(`finishes what it was doing (${Object.values(round).join(', ')})`, async () => {
        await dieIn('create-database', round.create, () =>
          client.call('PUT', database('a'), geo('a')),
        );
        assert.equal(await settled('a'), 'Succeeded');
        await withRedis('a', (redis) => redis.set('k', 'v'));

        await dieIn('create-database', round.join, () =>
          client.call('PUT', database('b'), geo('a', 'b')),
        );
        assert.equal(await settled('b'), 'Succeeded');
        assert.deepEqual(await links('a'), ['Linked', 'Linked']);
        assert.equal(await withRedis('b', (redis) => redis.get('k')), 'v');

        const file = { sasUri: `file://${dir}/backup.rdb` };
        assert.equal(await client.finish('POST', `${database('b')}/export`, file), 'Succeeded');
        await withRedis('b', (redis) => redis.set('after', 'the export'));
        await dieIn('import-data', round.import, () =>
          client.call('POST', `${database('a')}/import`, { sasUris: [file.sasUri] }),
        );
        assert.equal(await settled('a'), 'Succeeded');
        await seen('b', async (redis) => (await redis.keys('*')).join() === 'k');

        await dieIn('flush', round.flush, () => client.call('POST', `${database('a')}/flush`));
        assert.equal(await settled('a'), 'Succeeded');
        assert.equal(await withRedis('a', (redis) => redis.dbsize()), 0);
        assert.equal(await withRedis('b', (redis) => redis.dbsize()), 0);

        await dieIn('force-unlink', round.unlink, () =>
          client.call('POST', `${database('a')}/forceUnlink`, {
            ids: [`/subscriptions/${client.subscription}${database('b')}`],
          }),
        );
        assert.equal(await settled('a'), 'Succeeded');
        assert.deepEqual(await links('a'), ['Linked']);

        await dieIn('delete-database', round.remove, () => client.call('DELETE', database('b')));
        assert.equal(await settled('b'), null);
        await dieIn('delete-database', round.removeLast, () =>
          client.call('DELETE', database('a')),
        );
        assert.equal(await settled('a'), null);
        assert.deepEqual(processesWith(`${dir}/groups/`), [], 'nothing runs on');
      });
    }

    test('takes back a creation that cannot be finished', async () => {
      const body = geo('a');
      await dieIn('create-database', 'before', () => client.call('PUT', database('a'), body));
      assert.equal(await settled('a'), 'Succeeded');
      // A second one on the same port: its engine cannot start.
      const other = { properties: { clientProtocol: 'Plaintext', port: 10_000 } };
      const { body: shown } = await client.call('GET', cluster('b'));
      const { createServer } = await import('node:net');
      const thief = createServer().listen(10_000, String(at(shown, 'properties', 'hostName')));
      await once(thief, 'listening');
      try {
        const failed = await client.finish('PUT', database('b'), other);
        assert.match(failed, /PORT_IN_USE/);
      } finally {
        thief.close();
      }
      const left = await client.call('GET', database('b'));
      assert.equal(at(left.body, 'properties', 'provisioningState'), 'Failed');
      assert.deepEqual(processesWith(`${dir}/engines/`), [], 'nothing is left of it');
      assert.equal(await client.finish('PUT', database('b'), other), 'Succeeded', 'and again');
    });
  });
}
