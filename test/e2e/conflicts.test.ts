// Conflicts and keys as operators see them, on a real group: what is recorded, that all regions say the same of
// it, and how one key is explained.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { keyTable } from '../../src/cli/key-view.ts';
import { connectEngine } from '../../src/engine/client.ts';
import { readConflicts, readKey, readStatus } from '../../src/group/admin.ts';
import { compareRegions } from '../../src/group/key-comparison.ts';
import { surveyKey } from '../../src/group/key-survey.ts';
import { LocalGroup } from '../../src/group/local-group.ts';
import { waitUntilQuiet } from '../../src/group/quiet.ts';
import type { ConflictAnswer } from '../../src/replicator/answers.ts';
import { connectIoredis, type RegionClient } from './support/region-client.ts';
import { run } from './support/run-atoll.ts';

const EAST = 'eastus';
const WEST = 'westeurope';
const QUIET_TIMEOUT_MS = 20_000;

describe('conflicts and keys of a group', () => {
  let parent = '';
  let group: LocalGroup;
  let east: RegionClient;
  let west: RegionClient;

  const quiet = () => waitUntilQuiet(group.quietMembers, QUIET_TIMEOUT_MS);
  /** East writes first, west a moment later, and neither sees the other. */
  const apart = async (eastWrites: string[][], westWrites: string[][]) => {
    await quiet();
    await group.cut(EAST, WEST);
    const [first] = group.members;
    assert.ok(first);
    const { captured } = await readStatus(first);
    for (const write of eastWrites) await east.send(write);
    // What is newer is what was captured later.
    while ((await readStatus(first)).captured < captured + eastWrites.length);
    for (const write of westWrites) await west.send(write);
  };
  const together = async () => {
    await group.heal();
    await quiet();
  };
  const recordsOf = async (key: string): Promise<ConflictAnswer[][]> => {
    const answers = group.members.map((member) => readConflicts(member, { key }));
    return (await Promise.all(answers)).map(({ records }) => records);
  };
  const atoll = (...args: string[]) => run([...args, '--dir', group.dir]);
  const atollJson = async (...args: string[]) => {
    const { stdout } = await atoll(...args, '--json');
    return JSON.parse(stdout);
  };

  before(async () => {
    parent = mkdtempSync(join(tmpdir(), 'atoll-conflicts-'));
    group = await LocalGroup.up({ dir: join(parent, 'group'), regions: [EAST, WEST], plain: true });
    const [first, second] = group.members;
    assert.ok(first !== undefined && second !== undefined);
    east = await connectIoredis(first);
    west = await connectIoredis(second);
  });
  after(async () => {
    await east.close();
    await west.close();
    await group.down();
    rmSync(parent, { recursive: true });
  });

  test('writes that follow each other are no conflict', async () => {
    for (const [client, value] of [
      [east, '1'],
      [west, '2'],
      [east, '3'],
    ] as const) {
      await client.send(['SET', 'turns', value]);
      await client.send(['SADD', 'turns:set', value]);
      await quiet();
    }
    for (const member of group.members) {
      const { counts, records } = await readConflicts(member, {});
      assert.deepEqual([counts, records], [{}, []], member.region);
    }
  });

  test('two SETs make one record in both regions, with the same winner', async () => {
    await apart([['SET', 'title', 'from the east']], [['SET', 'title', 'from the west']]);
    await together();
    for (const records of await recordsOf('title')) {
      assert.equal(records.length, 1);
      const [{ type, rule, winner, loser, skipped }] = records as [ConflictAnswer];
      assert.deepEqual([type, rule, skipped], ['string', 'newest assign wins', 0]);
      assert.deepEqual([winner.region, winner.outcome, winner.command], [WEST, 'won', 'SET']);
      assert.deepEqual([loser.region, loser.outcome, loser.command], [EAST, 'lost', 'SET']);
      assert.ok(loser.timestampMs <= winner.timestampMs);
      assert.ok(winner.bytes > 'from the west'.length);
      assert.equal(winner.value, undefined, 'values are not recorded unless asked for');
    }
  });

  test('counters that both regions increment are both kept', async () => {
    await apart([['INCR', 'visits']], [['INCR', 'visits']]);
    await together();
    assert.equal(await east.send(['GET', 'visits']), '2');
    for (const records of await recordsOf('visits')) {
      assert.equal(records.length, 1);
      const [{ rule, winner, loser }] = records as [ConflictAnswer];
      assert.equal(rule, 'increments add up');
      assert.deepEqual([winner.outcome, loser.outcome], ['kept', 'kept']);
    }
  });

  test('a set that survives its removal is explained in both regions', async () => {
    await east.send(['SADD', 'cart', 'apple']);
    await apart([['SADD', 'cart', 'plum']], [['DEL', 'cart']]);
    await together();
    for (const records of await recordsOf('cart')) {
      assert.equal(records.length, 1);
      const [{ rule, winner, loser, cell }] = records as [ConflictAnswer];
      assert.deepEqual([rule, winner.region, loser.region], ['add survives removal', EAST, WEST]);
      assert.equal(cell, undefined, 'a member is a value');
    }
  });

  test('the command shows a pair once, with the regions that saw it', async () => {
    const shown = await atoll('local', 'conflicts', '--key', 'title');
    assert.equal(shown.code, 0, shown.stderr);
    const rows = shown.stdout.split('\n').filter((line) => line.includes(' title '));
    assert.equal(rows.length, 1, shown.stdout);
    assert.match(
      rows[0] ?? '',
      /string +newest assign wins +westeurope SET .* eastus SET .* eastus, westeurope$/,
    );
    assert.match(
      shown.stdout,
      /^eastus: \d+ since its replicator started: .*set 1 \(add survives/m,
    );
    const json = await atollJson('local', 'conflicts', '--region', WEST, '--limit', '1');
    assert.deepEqual(
      json.regions.map((region: { region: string; records: unknown[] }) => [
        region.region,
        region.records.length,
      ]),
      [[WEST, 1]],
    );
    const unknown = await atoll('local', 'conflicts', '--region', 'japaneast');
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /no member in japaneast/);
  });

  test('conflicts are metrics by type and rule', async () => {
    const [member] = group.members;
    const response = await fetch(`http://${member?.host}:${member?.adminPort}/metrics`);
    assert.match(
      await response.text(),
      /atoll_conflicts_total\{type="string",rule="increments add up",[^}]*\} 1/,
    );
  });

  test('a stream that is interrupted goes on where it was, and nothing counts twice', async () => {
    for (let round = 1; round <= 3; round++) {
      await east.send(['INCR', 'interrupted']);
      await quiet();
      for (const client of [east, west]) await client.send(['CLIENT', 'KILL', 'TYPE', 'replica']);
      await west.send(['INCR', 'interrupted']);
      await quiet();
      assert.equal(await east.send(['GET', 'interrupted']), String(2 * round));
      assert.equal(await west.send(['GET', 'interrupted']), String(2 * round));
    }
    for (const records of await recordsOf('interrupted')) assert.deepEqual(records, []);
  });

  test('a key that is the same everywhere is said to be so', async () => {
    await east.send(['HSET', 'user:1', 'name', 'Ada', 'city', 'Oslo']);
    await east.send(['EXPIRE', 'user:1', '500']);
    await quiet();
    const shown = await atoll('key', 'explain', 'user:1');
    assert.equal(shown.code, 0, shown.stderr);
    assert.match(shown.stdout, /^type +hash +hash$/m);
    assert.match(shown.stdout, /^length +2 fields +2 fields$/m);
    assert.match(shown.stdout, /^value +city=Oslo, name=Ada +city=Oslo, name=Ada$/m);
    assert.match(shown.stdout, /^expires in +4\d\d\.\d s +4\d\d\.\d s$/m);
    assert.match(shown.stdout, /^same everywhere$/m);
  });

  test('a key that differs is explained by what keeps the regions apart', async () => {
    await apart([['SET', 'greeting', 'hello']], [['SET', 'greeting', 'moin', 'EX', '300']]);
    const { verdict, regions } = await atollJson('key', 'explain', 'greeting');
    assert.equal(verdict.kind, 'differs');
    assert.deepEqual(verdict.differing, [{ region: WEST, in: ['value', 'expiry'] }]);
    assert.match(verdict.reasons.join('\n'), /no traffic between eastus and westeurope: cut/);
    for (const [index, region] of [EAST, WEST].entries()) {
      const { engine, replicator } = regions[index];
      assert.deepEqual(engine.first, [[region === EAST ? 'hello' : 'moin']]);
      assert.equal(replicator.pendingOps, 1);
      assert.equal(replicator.lastWriter.region, region);
      assert.equal(replicator.lastWriter.command, 'SET');
    }
    const words = await atoll('key', 'explain', 'greeting');
    assert.match(
      words.stdout,
      /^differs: westeurope has another value and expiry \(compared with /m,
    );
    assert.match(words.stdout, /^last writer +eastus +westeurope$/m);
    await together();
    const healed = await atollJson('key', 'explain', 'greeting');
    assert.equal(healed.verdict.kind, 'same', JSON.stringify(healed));
    assert.equal(healed.regions[0].replicator.lastConflict.rule, 'newest assign wins');
    await untilStable('greeting');
    assert.match(
      (await atoll('key', 'explain', 'greeting')).stdout,
      /^last writer +stable +stable$/m,
    );
  });

  test('every type has a value to show, and keys may be any bytes', async () => {
    const binary = Buffer.from([0x6b, 0x00, 0xff, 0x5c]);
    const shownKey = 'k\\x00\\xff\\\\';
    const [member] = group.members;
    assert.ok(member);
    const engine = await connectEngine({ host: member.host, port: member.enginePort });
    await engine.set(binary, Buffer.from([0x01, 0xe2, 0x82, 0xac]));
    await engine.rpush('types:list', 'a', 'b c');
    await engine.sadd('types:set', 'y', 'x');
    await engine.zadd('types:zset', 1.5, 'm', 2, 'n');
    await engine.xadd('types:stream', '5-1', 'f', 'v');
    await engine.pfadd('types:hll', 'a');
    await engine.set('types:long', 'z'.repeat(3_000_000));
    engine.disconnect();
    await quiet();
    const cases: [string, RegExp][] = [
      ['types:list', /^value +a, b c +a, b c$/m],
      ['types:set', /^value +x, y +x, y$/m],
      ['types:zset', /^value +m=1\.5, n=2 +m=1\.5, n=2$/m],
      ['types:stream', /^value +5-1 \{f v\} +5-1 \{f v\}$/m],
      ['types:hll', /^value +HyperLogLog +HyperLogLog$/m],
      ['types:long', /^length +3000000 bytes +3000000 bytes\nvalue +z+ \.\.\. +z+ \.\.\.$/m],
    ];
    for (const [key, shown] of cases) {
      assert.match(await tableOf(key), shown);
      const { kind } = compareRegions(await surveyKey(group.quietMembers, key));
      assert.equal(kind, 'same', key);
    }
    const { stdout } = await atoll('key', 'explain', shownKey, '--escaped');
    assert.ok(stdout.startsWith(`key ${shownKey}\n`), stdout);
    assert.match(stdout, /^value +\\x01€ +\\x01€$/m);
  });

  test('a key that is not there, and a folder without a group, are errors', async () => {
    const missing = await atoll('key', 'explain', 'no-such-key');
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /no region has a key no-such-key/);
    const json = await run(['key', 'explain', 'k', '--dir', join(parent, 'nothing'), '--json']);
    assert.equal(json.code, 1);
    assert.equal(JSON.parse(json.stdout).error.code, 'GROUP_NOT_FOUND');
    assert.equal((await run(['key', 'explain', 'k'])).code, 2);
    const escapes = await atoll('key', 'explain', 'a\\q', '--escaped');
    assert.match(escapes.stderr, /begins no escape/);
  });

  test('a region that does not answer is shown as such, with what to do', async () => {
    await east.send(['SET', 'hung', '1']);
    await quiet();
    const [first, second] = group.members;
    assert.ok(first !== undefined && second !== undefined);
    process.kill(second.enginePid, 'SIGSTOP');
    try {
      const shown = await atoll('key', 'explain', 'hung');
      assert.equal(shown.code, 0, shown.stderr);
      assert.match(shown.stdout, /^type +string +no answer$/m);
      assert.match(shown.stdout, /^1 of 2 regions answer/m);
      assert.match(
        shown.stdout,
        /the engine of westeurope .* does not answer: .*\n +See its engine/,
      );
    } finally {
      process.kill(second.enginePid, 'SIGCONT');
    }
    await quiet();
  });

  async function tableOf(key: string): Promise<string> {
    const rows = keyTable(await surveyKey(group.quietMembers, key));
    return rows.map((row) => row.join('  ')).join('\n');
  }

  /** Everyone has confirmed all ops on the key. */
  async function untilStable(key: string): Promise<void> {
    const deadlineMs = performance.now() + QUIET_TIMEOUT_MS;
    for (const member of group.members) {
      while ((await readKey(member, key)).pendingOps > 0) {
        const { frontier } = await readStatus(member);
        assert.ok(performance.now() < deadlineMs, `not stable: ${JSON.stringify(frontier)}`);
      }
    }
  }
});
