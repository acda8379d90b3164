// Real engines, real links with TLS, real clients: three regions under random writes, partitions and kill -9
// of replicators, and then the same data everywhere with nothing lost and nothing counted twice.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { isRunning } from '../../src/engine/pid.ts';
import { engineOf, type GroupMember, replicatorOf } from '../../src/group/group-file.ts';
import { LocalGroup } from '../../src/group/local-group.ts';
import { waitUntilQuiet } from '../../src/group/quiet.ts';
import { TEST_SEED } from '../seed.ts';
import { bitsIn } from '../sim/model-engine/bitmaps.ts';
import { hyperLogLogOf } from '../sim/model-engine/hyperloglog.ts';
import { Random } from '../sim/random.ts';
import { assertSame, type Content, contentOf } from './support/content.ts';
import { crashesIn } from './support/crashes.ts';
import {
  Acknowledged,
  CHANNEL,
  MOVED_START,
  RandomWriter,
  writeStart,
} from './support/random-writes.ts';
import { connectIoredis, connectNodeRedis, type RegionClient } from './support/region-client.ts';

const REGIONS = ['eastus', 'westeurope', 'japaneast'];
const LOAD_MS = 15_000;
const QUIET_TIMEOUT_MS = 30_000;
const READY_TIMEOUT_MS = 20_000;
/** Of each replicator's log, where one is not ready. */
const LOG_LINES = 12;
/** Keys that expire sooner might be gone in one region and not yet in another. */
const SOON_MS = 60_000;
const seed = TEST_SEED;

describe('three regions', () => {
  let parent = '';
  let group: LocalGroup;
  const clients: RegionClient[] = [];
  /** Every process that ever belonged to the group. */
  const seen = new Map<string, Parameters<typeof isRunning>[0]>();

  const note = (): readonly GroupMember[] => {
    const { members } = group;
    for (const member of members) {
      seen.set(`engine ${member.enginePid}`, engineOf(group.dir, member));
      seen.set(`replicator ${member.replicatorPid}`, replicatorOf(group.dir, member));
    }
    return members;
  };
  const member = (region: number): GroupMember => note()[region] as GroupMember;
  const connected = async (client: Promise<RegionClient>): Promise<RegionClient> => {
    clients.push(await client);
    return clients.at(-1) as RegionClient;
  };
  const ioredis = (region: number) => connected(connectIoredis(member(region)));
  const nodeRedis = (region: number) => connected(connectNodeRedis(member(region)));

  const quiet = async (): Promise<void> => {
    await ready();
    await waitUntilQuiet(group.quietMembers, QUIET_TIMEOUT_MS);
  };
  const ready = async (): Promise<void> => {
    const deadlineMs = performance.now() + READY_TIMEOUT_MS;
    for (;;) {
      const status = await group.status();
      if (status.ready) break;
      assert.ok(performance.now() < deadlineMs, `not ready: ${JSON.stringify(status)}\n${logs()}`);
      await delay(20);
    }
    note();
  };
  /** The last lines of what each replicator wrote. */
  const logs = (): string =>
    REGIONS.map((region) => {
      const lines = readFileSync(join(group.dir, region, 'replicator.log'), 'utf8').split('\n');
      return [region, ...lines.slice(-LOG_LINES)].join('\n');
    }).join('\n');
  const assertConverged = async (): Promise<void> => {
    const contents = await Promise.all(note().map(contentOf));
    assertSame(contents, REGIONS);
  };

  before(async () => {
    parent = mkdtempSync(join(tmpdir(), 'atoll-convergence-'));
    group = await LocalGroup.up({ dir: join(parent, 'group'), regions: REGIONS });
    note();
  });

  after(async () => {
    for (const client of clients) await client.close();
    note();
    const crashes = crashesIn(group.dir, REGIONS);
    await group.down();
    assert.deepEqual(crashes, []);
    const left = [...seen].filter(([, known]) => isRunning(known)).map(([name]) => name);
    assert.deepEqual(left, []);
    assert.ok(!existsSync(join(parent, 'group')), 'files are left');
    rmSync(parent, { recursive: true });
  });

  test('a transaction is visible elsewhere as a whole or not at all', async () => {
    const [writer, reader] = [await nodeRedis(0), await ioredis(2)];
    const last = 300;
    let looks = 0;
    const watching = (async () => {
      for (let shown = '0'; shown !== String(last); looks++) {
        const [one, two, field] = await reader.transaction([
          ['GET', 'pair:one'],
          ['GET', 'pair:two'],
          ['HGET', 'pair:hash', 'f'],
        ]);
        assert.deepEqual([one, two], [field, field]);
        shown = String(one);
      }
    })();
    for (let i = 1; i <= last; i++) {
      const value = String(i);
      await writer.transaction([
        ['SET', 'pair:one', value],
        ['HSET', 'pair:hash', 'f', value],
        ['SET', 'pair:two', value],
      ]);
    }
    await watching;
    assert.ok(looks > 10, `${looks} looks`);
  });

  test('a client that replays a fence hides nothing', async () => {
    const [thief, elsewhere] = [await ioredis(0), await nodeRedis(1)];
    const tokens = await captureFences(member(0), async () => {
      await elsewhere.send(['SET', 'bait', '1']);
      await quiet();
    });
    assert.ok(tokens.length > 0, 'a fence can be listened to');
    for (const [i, token] of [...tokens, 'a.999999.2.5.forgedforgedforgedforg'].entries()) {
      await thief.transaction([
        ['SPUBLISH', 'atoll:fence', token],
        ['SET', `stolen:${i}`, 'kept'],
      ]);
    }
    await quiet();
    for (const i of [0, tokens.length]) {
      const stolen = await elsewhere.send(['GET', `stolen:${i}`]);
      assert.equal(String(stolen), 'kept', `stolen:${i} of ${tokens}`);
    }
    await assertConverged();
  });

  test('replicators that stop and start under load lose nothing and double nothing', async () => {
    const [writer, other] = [await ioredis(0), await nodeRedis(1)];
    let [added, running] = [0, true];
    const load = Promise.all(
      [writer, other].map(async (client) => {
        while (running) {
          await client.send(['INCR', 'restarts']);
          added++;
          await delay(1);
        }
      }),
    );
    try {
      for (const [region, signal] of [
        [0, 'SIGKILL'],
        [1, 'SIGTERM'],
        [2, 'SIGKILL'],
      ] as const) {
        await delay(200);
        const { replicatorPid } = member(region);
        process.kill(replicatorPid, signal);
        const deadlineMs = performance.now() + READY_TIMEOUT_MS;
        while (member(region).replicatorPid === replicatorPid) {
          assert.ok(performance.now() < deadlineMs, 'the replicator is not started again');
          await delay(20);
        }
        await ready();
      }
    } finally {
      running = false;
    }
    await load;
    await quiet();
    for (const [, content] of (await Promise.all(note().map(contentOf))).entries()) {
      assert.deepEqual(content.get('restarts')?.content, [String(added)]);
    }
  });

  test('increments of a float all count, also those made in a partition', async () => {
    const writers = [await ioredis(0), await nodeRedis(1), await ioredis(2)];
    await writers[0]?.send(['SET', 'float', '100']);
    // The engine propagates the result: a region knows it for an increment from its second one on.
    for (const writer of writers) {
      await quiet();
      await writer.send(['INCRBYFLOAT', 'float', '0.25']);
    }
    await quiet();
    const addAll = (by: string) =>
      Promise.all(writers.map((w) => w.send(['INCRBYFLOAT', 'float', by])));
    for (let i = 0; i < 30; i++) await addAll('0.5');
    await group.cut('eastus', 'japaneast');
    for (let i = 0; i < 30; i++) await addAll('0.1');
    await group.heal();
    await quiet();
    await assertConverged();
    const content = await contentOf(member(0));
    assert.equal(Number(content.get('float')?.content[0]), 100 + 0.75 + 45 + 9);
    // Where nothing is concurrent nobody compares sums: each digit follows from the increments.
    for (let i = 0; i < 120; i++) await writers[0]?.send(['INCRBYFLOAT', 'float', '0.7']);
    await quiet();
    await assertConverged();
  });

  test('random writes, cuts and crashes end with the same data everywhere', async (t) => {
    t.diagnostic(`again: ATOLL_TEST_SEED=${seed}`);
    const random = new Random(seed);
    await writeStart(await ioredis(0));
    await quiet();
    const received = REGIONS.map(() => new Map<string, number>());
    for (const [region, counts] of received.entries()) {
      const subscriber = region % 2 === 0 ? await ioredis(region) : await nodeRedis(region);
      await subscriber.subscribe(CHANNEL, (name) => counts.set(name, (counts.get(name) ?? 0) + 1));
    }
    const done = new Acknowledged();
    const endAtMs = performance.now() + LOAD_MS;
    const work: Promise<void>[] = [watchMoves(await ioredis(1), endAtMs)];
    for (const region of REGIONS.keys()) {
      for (const client of [await ioredis(region), await nodeRedis(region)]) {
        const writer = new RandomWriter(client, new Random(random.below(2 ** 31)), done);
        const pace = new Random(random.below(2 ** 31));
        work.push(
          (async () => {
            while (performance.now() < endAtMs) {
              await writer.write();
              if (pace.chance(0.5)) await delay(pace.below(4));
            }
          })(),
        );
      }
    }
    const faults = disturb(random, endAtMs);
    await Promise.all(work);
    t.diagnostic(`${done.writes} writes, ${done.refused} refused, ${await faults}`);
    await group.heal();
    await quiet();
    await untilNothingExpiresSoon();
    await quiet();
    await assertConverged();
    await assertExact(done);
    assertMessages(done, received);
    await report(t);
  });

  /** Cuts, heals and kills until then; says what it did. */
  async function disturb(random: Random, endAtMs: number): Promise<string> {
    let [cuts, kills] = [0, 0];
    while (performance.now() < endAtMs) {
      await delay(200 + random.below(900));
      if (random.chance(0.35) && kills < 6) {
        kills++;
        const { replicatorPid } = member(random.below(REGIONS.length));
        if (replicatorPid > 0) killIfThere(replicatorPid);
        continue;
      }
      const at = random.below(REGIONS.length);
      const [a = '', b = ''] = [REGIONS[at], REGIONS[(at + 1) % REGIONS.length]];
      cuts++;
      // A replicator that was killed just now cannot be told to cut.
      await group.cut(a, b).catch(() => undefined);
      await delay(100 + random.below(1500));
      await group.heal(a, b).catch(() => undefined);
    }
    await ready0();
    return `${cuts} cuts, ${kills} kills`;
  }

  /** All replicators answer, whatever is cut. */
  async function ready0(): Promise<void> {
    const deadlineMs = performance.now() + READY_TIMEOUT_MS;
    for (;;) {
      const { members } = await group.status();
      if (members.every((status) => status.replicator !== null)) return;
      assert.ok(performance.now() < deadlineMs, `a replicator is not started again\n${logs()}`);
      await delay(20);
    }
  }

  async function untilNothingExpiresSoon(): Promise<void> {
    const deadlineMs = performance.now() + 20_000;
    for (;;) {
      const contents = await Promise.all(note().map(contentOf));
      const soon = Date.now() + SOON_MS;
      const isSoon = (ms: number) => ms !== -1 && ms < soon;
      const keys = contents.flatMap((c) =>
        [...c].filter(([, { expiresAtMs }]) => isSoon(expiresAtMs)),
      );
      if (keys.length === 0) return;
      assert.ok(performance.now() < deadlineMs, `${keys.map(([key]) => key)} do not expire`);
      await delay(50);
    }
  }

  async function assertExact(done: Acknowledged): Promise<void> {
    const content = await contentOf(member(0));
    const last = (key: string) => Number(content.get(key)?.content.at(-1));
    const sum = (counter: string) => done.sums.get(counter) ?? 0;
    for (const key of ['count:int', 'count:hash', 'count:zset', 'count:lua']) {
      assert.equal(last(key), sum(key), key);
    }
    assert.equal(last('moved:from'), MOVED_START - sum('moved'));
    assert.equal(last('moved:to'), sum('moved'));
    assert.deepEqual(content.get('members')?.content, [...done.members].sort());
    assertLists(done, content);
    assert.deepEqual(content.get('seen')?.content, [hyperLogLogOf(done.seen)], 'registers differ');
    assert.deepEqual(
      bitsIn(content.get('flags')?.content[0] ?? ''),
      [...done.flags].sort((a, b) => a - b),
    );
    const notes = content.get('notes')?.content.filter((_, i) => i % 2 === 0);
    assert.deepEqual(notes?.sort(), [...done.notes].sort());
  }

  function assertMessages(done: Acknowledged, received: Map<string, number>[]): void {
    for (const [region, counts] of received.entries()) {
      const twice = [...counts].filter(([, count]) => count > 1);
      assert.deepEqual(twice, [], `received more than once in ${REGIONS[region]}`);
      const lost = [...done.messages].filter((name) => !counts.has(name));
      assert.deepEqual(lost, [], `not received in ${REGIONS[region]}`);
    }
  }

  async function report(t: TestContext): Promise<void> {
    for (const { region, replicator } of (await group.status()).members) {
      const { conflicts, applyRetries, applyRaces, applyErrors, skipped } = replicator ?? {};
      t.diagnostic(
        `${region}: ${JSON.stringify({ conflicts, applyRetries, applyRaces, applyErrors, skipped })}`,
      );
    }
  }
});

/** Every element that was pushed is there or was popped, and none is both. */
function assertLists(done: Acknowledged, content: Content): void {
  const pile = content.get('pile')?.content ?? [];
  assert.deepEqual([...pile].sort(), [...done.piled].sort(), 'the pile has other elements');
  const left = content.get('queue')?.content ?? [];
  const back = left.filter((one) => done.taken.has(one));
  assert.deepEqual(back, [], 'these were popped and are back');
  const known = new Set([...left, ...done.taken]);
  const lost = [...done.queued].filter((one) => !known.has(one));
  assert.deepEqual(lost, [], 'these were pushed and are lost');
}

/** What goes from one key to another is never seen in both or in neither. */
async function watchMoves(reader: RegionClient, endAtMs: number): Promise<void> {
  while (performance.now() < endAtMs) {
    const values = await reader.send(['MGET', 'moved:from', 'moved:to']);
    assert.ok(Array.isArray(values));
    assert.equal(Number(values[0]) + Number(values[1]), MOVED_START);
    await delay(1);
  }
}

/** The tokens of the fences that pass in a region while `run` runs. */
async function captureFences(member: GroupMember, run: () => Promise<void>): Promise<string[]> {
  const { Redis } = await import('ioredis');
  const client = new Redis({ host: member.host, port: member.enginePort });
  const tokens: string[] = [];
  client.on('smessage', (_channel, token) => tokens.push(token));
  await client.ssubscribe('atoll:fence');
  await run();
  client.disconnect();
  return [...tokens];
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It was killed before, and is not started again yet.
  }
}
