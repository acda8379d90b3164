// Engines with a standby, in a group of real processes under load: an engine dies and its standby takes its place, a
// standby dies, both die, and an engine dies whose standby lacks what others have seen. What a standby had is
// everywhere exactly once, and what it had not is nowhere.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { connectEngine } from '../../src/engine/client.ts';
import { isRunning, signalProcess } from '../../src/engine/pid.ts';
import { readStatusIfUp } from '../../src/group/admin.ts';
import {
  engineOf,
  type GroupMember,
  memberOf,
  readGroupFile,
  replicatorOf,
  standbyOf,
  supervisorOf,
  updateMember,
} from '../../src/group/group-file.ts';
import { hungText } from '../../src/group/hung-text.ts';
import { LocalGroup } from '../../src/group/local-group.ts';
import { leaveGroup } from '../../src/group/membership.ts';
import { waitUntilQuiet } from '../../src/group/quiet.ts';
import { assertSame, contentOf } from './support/content.ts';

const REGIONS = ['eastus', 'westeurope', 'japaneast'];
const WITHIN_MS = 90_000;
const QUIET_MS = 60_000;
const PAUSE_MS = 5;
const HUNG_AFTER_MS = 3_000;

/** What a client of a region wrote: each write is a transaction on a counter, a set and a list. */
class Writer {
  readonly region: string;
  /** In order, those that the engine confirmed. */
  readonly answered: string[] = [];
  /** Those of which WAIT said besides that the standby has them. */
  readonly safe = new Set<string>();
  readonly refusals = new Set<string>();
  readonly #client: Redis;
  #isOver = false;
  readonly #done: Promise<void>;

  constructor({ region, host, enginePort }: GroupMember) {
    this.region = region;
    // It knows nothing of standbys: it connects again to the same address.
    const patient = { retryStrategy: () => 20, maxRetriesPerRequest: null };
    this.#client = new Redis({ host, port: enginePort, enableReadyCheck: false, ...patient });
    this.#client.on('error', () => {});
    this.#done = this.#write();
  }

  async #write(): Promise<void> {
    for (let n = 0; !this.#isOver; n++) {
      const id = `${this.region}-${n}`;
      const written = this.#client.multi().incr('count').sadd('members', id).rpush('list', id);
      const isAnswered = await written.exec().then(
        (results) => {
          for (const [error] of results ?? []) if (error !== null) throw error;
          return results !== null;
        },
        // Of one that was not answered nobody knows: another one is written.
        (error: Error) => {
          this.refusals.add(error.message);
          return false;
        },
      );
      if (isAnswered) this.answered.push(id);
      // All of them write to the same three keys: the regions need time to even out.
      await delay(PAUSE_MS);
      if (n % 10 !== 0) continue;
      const replicas = await this.#client.wait(1, 200).catch(() => 0);
      if (isAnswered && replicas >= 1) for (const one of this.answered) this.safe.add(one);
    }
  }

  async more(count: number): Promise<void> {
    const goal = this.answered.length + count;
    await until(
      async () => this.answered.length >= goal,
      () => [...this.refusals].join(),
    );
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#done;
    this.#client.disconnect();
  }
}

async function until(
  isReached: () => Promise<boolean>,
  describe: () => string = () => '',
): Promise<void> {
  const deadlineMs = performance.now() + WITHIN_MS;
  while (!(await isReached())) {
    assert.ok(performance.now() < deadlineMs, `not within ${WITHIN_MS} ms: ${describe()}`);
    await delay(20);
  }
}

describe('an engine with a standby', () => {
  let dir = '';
  let group: LocalGroup;
  let writers: Writer[] = [];

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'atoll-standby-'));
    group = await LocalGroup.up({
      ...{ dir: join(dir, 'group'), regions: REGIONS, standby: true },
      engineHungAfterMs: HUNG_AFTER_MS,
    });
  });
  afterEach(async () => {
    await Promise.all(writers.map((writer) => writer.end()));
    writers = [];
  });
  after(async () => {
    await group.down();
    rmSync(dir, { recursive: true });
  });

  const file = () => readGroupFile(group.dir) ?? assert.fail('the group has a file');
  const member = (region = 'eastus') => memberOf(file(), region);
  const capture = async () => (await readStatusIfUp(member()))?.capture;
  /** It takes part, with an engine of its own and a standby that is captured. */
  const isWhole = () =>
    until(
      async () => {
        const { state, standby } = member();
        const { ready } = await group.status();
        const source = (await capture())?.source;
        return state === 'linked' && standby?.takeover === 'none' && ready && source === 'standby';
      },
      () => JSON.stringify(member()),
    );

  async function startWriters(): Promise<void> {
    const client = await connectEngine({ host: '127.0.0.1', port: member().enginePort });
    await client.del('count', 'members', 'list', 'filler');
    client.disconnect();
    await waitUntilQuiet(group.quietMembers, QUIET_MS);
    writers = group.members.map((one) => new Writer(one));
    await Promise.all(writers.map((writer) => writer.more(100)));
  }

  /** Ends the load. All regions hold the same, all of it once; returns what was answered in eastus and is lost. */
  async function assertExact(): Promise<string[]> {
    await Promise.all(writers.map((writer) => writer.end()));
    await waitUntilQuiet(group.quietMembers, QUIET_MS);
    const contents = await Promise.all(group.members.map((one) => contentOf(one)));
    assertSame(contents, REGIONS);
    const [content] = contents;
    const list = content?.get('list')?.content ?? [];
    const members = new Set(content?.get('members')?.content ?? []);
    assert.equal(new Set(list).size, list.length, 'an element was doubled');
    assert.equal(content?.get('count')?.content[0], String(list.length));
    assert.deepEqual([...members].sort(), [...list].sort());
    const lost = writers.flatMap((writer) => {
      return writer.answered.filter((id) => !members.has(id));
    });
    assert.deepEqual(
      lost.filter((id) => !id.startsWith('eastus')),
      [],
      'the writes of the other regions are not lost',
    );
    return lost;
  }

  const killEngine = () => signalProcess(engineOf(group.dir, member()), 'SIGKILL');
  const signalStandby = (name: NodeJS.Signals) =>
    signalProcess(standbyOf(group.dir, member()), name);

  test('takes the place of an engine that dies: what it had is everywhere once, and nothing else', async () => {
    const before = member();
    await startWriters();
    for (let round = 0; round < 2; round++) {
      const [east] = writers;
      const safe = new Set(east?.safe);
      assert.ok(safe.size > 0, 'WAIT counts the standby');
      killEngine();
      // Clients find it where it was.
      await east?.more(200);
      await isWhole();
      const { id, enginePort, enginePid } = member();
      assert.equal(id, before.id, 'it was not filled anew');
      assert.equal(enginePort, before.enginePort);
      assert.notEqual(enginePid, before.enginePid);
      const there = await connectEngine({ host: '127.0.0.1', port: enginePort });
      for (const one of safe) assert.equal(await there.sismember('members', one), 1, one);
      there.disconnect();
    }
    const safe = writers.flatMap((writer) => [...writer.safe]);
    const lost = await assertExact();
    for (const id of lost) assert.ok(!safe.includes(id), `${id} was confirmed by WAIT`);
    for (const { refusals } of writers) {
      const strange = [...refusals].filter((text) => !/close|ECONN|reset|ended/i.test(text));
      assert.deepEqual(strange, []);
    }
  });

  test('takes the place of an engine that hangs, which never wakes up again', async () => {
    const before = member();
    await startWriters();
    const [east] = writers;
    const safe = new Set(east?.safe);
    const hung = engineOf(group.dir, before);
    const stoppedMs = performance.now();
    signalProcess(hung, 'SIGSTOP');
    await until(async () => !isRunning(hung));
    const hungMs = performance.now() - stoppedMs;
    assert.ok(hungMs > HUNG_AFTER_MS - 1_500, `it had its time: ${hungMs} ms`);
    await east?.more(100);
    const tookMs = performance.now() - stoppedMs;
    assert.ok(tookMs < HUNG_AFTER_MS + 10_000, `clients were served after ${tookMs} ms`);
    await isWhole();
    assert.equal(member().id, before.id, 'it was not filled anew');
    assert.equal(member().enginePort, before.enginePort);
    for (const id of await assertExact()) assert.ok(!safe.has(id), id);
  });

  test('hangs with its engine: that is left alone, and operators are told', async () => {
    const before = member();
    await startWriters();
    const [engine, standby] = [engineOf(group.dir, before), standbyOf(group.dir, before)];
    const told = async () => {
      const { members } = await group.status();
      return members.find(({ region }) => region === before.region)?.engineHung ?? null;
    };
    for (const one of [standby, engine]) signalProcess(one, 'SIGSTOP');
    try {
      await until(async () => (await told()) !== null);
      const hung = (await told()) ?? assert.fail('it is known to hang');
      assert.equal(hung.pid, engine.pid);
      assert.match(hungText(hung, Date.now()), /for \d.* s, .* its standby does not answer/);
      assert.equal((await group.status()).ready, false);
      assert.equal(isRunning(engine), true);
    } finally {
      for (const one of [standby, engine]) signalProcess(one, 'SIGCONT');
    }
    await until(async () => (await told()) === null);
    await isWhole();
    assert.equal(member().enginePid, before.enginePid);
    assert.deepEqual(await assertExact(), []);
  });

  test('dies: the engine is captured until another one is filled, and nothing is lost', async () => {
    const before = member().standby?.pid;
    await startWriters();
    signalStandby('SIGKILL');
    await until(async () => member().standby?.pid !== before);
    await writers[0]?.more(100);
    await isWhole();
    await writers[0]?.more(100);
    assert.deepEqual(await assertExact(), []);
  });

  test('hangs: the engine is captured; what it lacks then keeps it from taking the place', async () => {
    const before = member();
    await startWriters();
    signalStandby('SIGSTOP');
    await until(async () => (await capture())?.source === 'engine');
    // More than the system keeps in its buffers for a process that does not read.
    const filler = await connectEngine({ host: '127.0.0.1', port: before.enginePort });
    for (let i = 0; i < 40; i++) await filler.set('filler', `${i}-`.repeat(200_000));
    filler.disconnect();
    assert.deepEqual(await assertExact(), []);
    killEngine();
    signalStandby('SIGCONT');
    await isFilledAnew(before);
    assert.deepEqual(await assertExact(), [], 'others have what it had shipped');
  });

  /** The member was filled from another one, takes part again, and has a standby again. */
  async function isFilledAnew(before: GroupMember): Promise<void> {
    await until(
      async () => member().id !== before.id && member().state === 'linked',
      () => readFileSync(join(group.dir, 'supervisor.log'), 'utf8'),
    );
    await isWhole();
  }

  test('takes the place of an engine that dies together with its replicator', async () => {
    const before = member();
    await startWriters();
    const [east] = writers;
    const safe = new Set(east?.safe);
    signalProcess(replicatorOf(group.dir, before), 'SIGKILL');
    killEngine();
    await east?.more(100);
    await isWhole();
    assert.equal(member().id, before.id);
    for (const id of await assertExact()) assert.ok(!safe.has(id), id);
  });

  test('takes the place of its engine also when the supervisor dies in the midst of it', async () => {
    const before = member();
    const { standby } = before;
    assert.ok(standby !== null);
    await startWriters();
    const [east] = writers;
    const safe = new Set(east?.safe);
    const supervisor = supervisorOf(group.dir, file());
    signalProcess(supervisor, 'SIGSTOP');
    killEngine();
    // As far as it is written down before anything is done.
    updateMember(group.dir, 'eastus', {
      enginePid: standby.pid,
      standby: { ...standby, pid: 0, swapped: !standby.swapped, takeover: 'promoting' },
    });
    signalProcess(supervisor, 'SIGCONT');
    await east?.more(100);
    await isWhole();
    assert.equal(member().id, before.id);
    for (const id of await assertExact()) assert.ok(!safe.has(id), id);
  });

  test('dies with its engine: the member is filled from another one', async () => {
    const before = member();
    await startWriters();
    assert.deepEqual(await assertExact(), []);
    killEngine();
    signalStandby('SIGKILL');
    await isFilledAnew(before);
    assert.deepEqual(await assertExact(), []);
    await startWriters();
    assert.deepEqual(await assertExact(), []);
  });

  test('leaves behind nothing when its member leaves that was an engine by then', async () => {
    while (member().standby?.swapped !== true) {
      killEngine();
      await until(async () => member().standby?.swapped === true);
      await isWhole();
    }
    const before = member();
    const known = [engineOf(group.dir, before), standbyOf(group.dir, before)];
    const there = await connectEngine({ host: '127.0.0.1', port: before.enginePort });
    await there.set('left', 'behind');
    there.disconnect();
    await leaveGroup(group.dir, 'eastus');
    for (const one of known) assert.equal(isRunning(one), false, one.marker);
    await waitUntilQuiet(group.quietMembers, QUIET_MS);
    for (const one of group.members) {
      const other = await connectEngine({ host: '127.0.0.1', port: one.enginePort });
      assert.equal(await other.get('left'), 'behind');
      other.disconnect();
    }
  });
});
