// JSON documents in a group of real engines with a real module: that of the file which ATOLL_JSON_MODULE names
// (RedisJSON or valkey-json), in the engine that ATOLL_ENGINE names if it needs a certain one.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { runConformance } from '../../src/conformance/run.ts';
import { LocalGroup } from '../../src/group/local-group.ts';
import { waitUntilQuiet } from '../../src/group/quiet.ts';
import { TEST_SEED } from '../seed.ts';
import { JSON_WRITERS, OnlyAdded } from '../sim/json-workload.ts';
import { canonicalJson, parseJson } from '../sim/model-engine/json-document.ts';
import { Random } from '../sim/random.ts';
import { connectIoredis, type RegionClient } from './support/region-client.ts';

const MODULE = process.env.ATOLL_JSON_MODULE ?? '';
const REGIONS = ['eastus', 'westeurope', 'japaneast'];
const QUIET_MS = 20_000;
const WRITES = 600;
const seed = TEST_SEED;

const skip = MODULE === '' ? 'ATOLL_JSON_MODULE names no module' : false;

describe('JSON, with a module loaded in every region', { skip }, () => {
  let dir = '';
  let group: LocalGroup;
  let clients: RegionClient[];
  let key = '';
  let round = 0;

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'atoll-json-'));
    group = await LocalGroup.up({ dir, regions: REGIONS, plain: true, modules: [MODULE] });
    clients = await Promise.all(group.members.map(connectIoredis));
  });
  after(async () => {
    await Promise.all((clients ?? []).map((client) => client.close()));
    await group?.down();
    rmSync(dir, { recursive: true, force: true });
  });
  beforeEach(() => {
    key = `document${round++}`;
  });

  const run = (region: number, ...args: string[]) => (clients[region] as RegionClient).send(args);
  const quiet = () => waitUntilQuiet(group.quietMembers, QUIET_MS);

  async function apart(writes: () => Promise<void>): Promise<void> {
    await group.cut('eastus', 'westeurope');
    await group.cut('eastus', 'japaneast');
    await writes();
    await group.heal();
    await quiet();
  }

  /** The document, which must be the same in every region. */
  async function shown(name = key): Promise<unknown> {
    const texts = await Promise.all(clients.map((_, region) => run(region, 'JSON.GET', name, '.')));
    const contents = texts.map((text) =>
      typeof text === 'string' ? canonicalJson(parseJson(text) ?? null) : null,
    );
    for (const content of contents) assert.equal(content, contents[0], `${name}, seed ${seed}`);
    return JSON.parse(contents[0] ?? 'null');
  }

  test('every command arrives', async () => {
    await run(0, 'JSON.SET', key, '$', '{"n":1,"f":0.5,"s":"a","t":true,"l":[1,2,3],"o":{"a":1}}');
    await quiet();
    await run(1, 'JSON.NUMINCRBY', key, '$.n', '4');
    await run(1, 'JSON.NUMINCRBY', key, '$.f', '0.25');
    await run(1, 'JSON.NUMMULTBY', key, '$.n', '2');
    await run(1, 'JSON.STRAPPEND', key, '$.s', '"b"');
    await run(1, 'JSON.TOGGLE', key, '$.t');
    await run(1, 'JSON.ARRAPPEND', key, '$.l', '4');
    await run(1, 'JSON.ARRINSERT', key, '$.l', '1', '"i"');
    await run(1, 'JSON.ARRPOP', key, '$.l', '0');
    await run(1, 'JSON.ARRTRIM', key, '$.l', '0', '2');
    await run(1, 'JSON.CLEAR', key, '$.o');
    await run(1, 'JSON.SET', key, '$["o"]["new name"]', '[]', 'NX');
    await run(1, 'JSON.SET', key, '$.l[*]', '7');
    await run(1, 'JSON.DEL', key, '$.t');
    await quiet();
    assert.deepEqual(await shown(), {
      n: 10,
      f: 0.75,
      s: 'ab',
      l: [7, 7, 7],
      o: { 'new name': [] },
    });
    await run(2, 'JSON.DEL', key);
    await quiet();
    assert.equal(await shown(), null);
  });

  test('members, elements and numbers of one document merge', async () => {
    await run(0, 'JSON.SET', key, '$', '{"n":5,"a":{"x":1},"l":["a","b","c"]}');
    await quiet();
    await apart(async () => {
      await run(0, 'JSON.NUMINCRBY', key, '$.n', '2');
      await run(1, 'JSON.NUMINCRBY', key, '$.n', '3');
      await run(0, 'JSON.SET', key, '$.a.east', '1');
      await run(1, 'JSON.SET', key, '$.a.west', '2');
      await run(0, 'JSON.ARRPOP', key, '$.l', '1');
      await run(1, 'JSON.ARRINSERT', key, '$.l', '0', '"y"');
      await run(0, 'JSON.ARRINSERT', key, '$.l', '1', '"x"');
      await run(1, 'JSON.ARRINSERT', key, '$.l', '2', '"z"');
      await run(0, 'JSON.SET', key, '$.a.both', '"east"');
      await run(1, 'JSON.SET', key, '$.a.both', '"west"');
    });
    assert.deepEqual(await shown(), {
      n: 10,
      a: { x: 1, east: 1, west: 2, both: 'east' },
      l: ['y', 'a', 'x', 'z', 'c'],
    });
  });

  test('an expiry is as the module leaves it, everywhere', async () => {
    await run(0, 'JSON.SET', key, '$', '{"a":1}');
    await run(0, 'EXPIRE', key, '1000');
    await quiet();
    await apart(async () => {
      await run(0, 'JSON.SET', key, '$', '{"b":1}');
      await run(1, 'JSON.SET', key, '$.a', '2');
    });
    const expiries = await Promise.all(clients.map((_, i) => run(i, 'PEXPIRETIME', key)));
    assert.equal(new Set(expiries).size, 1, expiries.join());
    assert.deepEqual(await shown(), { b: 1 });
  });

  test('random writes in all regions come to the same, and what is only added is all there', async () => {
    const random = new Random(seed);
    const added = new OnlyAdded();
    await run(0, 'JSON.SET', added.key, '$', added.document);
    await quiet();
    for (let i = 0; i < WRITES; i++) {
      if (i % 150 === 50) await group.cut('eastus', 'westeurope');
      if (i % 150 === 120) await group.heal();
      const region = random.below(REGIONS.length);
      const args = random.chance(0.3)
        ? added.next(random, i)
        : random.pick(JSON_WRITERS)(`${key}${random.below(3)}`, random);
      // What a module refuses, or does not know, is no write.
      await run(region, ...args).catch(() => {});
    }
    await group.heal();
    await quiet();
    for (let i = 0; i < 3; i++) await shown(`${key}${i}`);
    const fault = added.fault(JSON.stringify(await shown(added.key)));
    assert.equal(fault, undefined, `seed ${seed}`);
  });

  test('the documented cases of conflicts pass', async () => {
    const lines: string[] = [];
    const files = [join(import.meta.dirname, '../conformance/cases.json')];
    const log = (line: string) => lines.push(line);
    const code = await runConformance({ files, only: 'json', log });
    assert.equal(code, 0, lines.join('\n'));
    assert.match(lines.at(-1) ?? '', /^\d+ passed, 0 failed, 0 pending/);
  });
});
