// Search in a group of real engines with a real module, where one is installed: Debian's redis-redisearch, or
// the file that ATOLL_SEARCH_MODULE names.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { LocalGroup } from '../../src/group/local-group.ts';
import { waitUntilQuiet } from '../../src/group/quiet.ts';
import { captured, connectIoredis, type RegionClient } from './support/region-client.ts';

const MODULE = process.env.ATOLL_SEARCH_MODULE ?? '/usr/lib/redis/modules/redisearch.so';
const REGIONS = ['eastus', 'westeurope', 'japaneast'];
const QUIET_MS = 10_000;

const skip = existsSync(MODULE) ? false : `no search module at ${MODULE}`;

describe('search, with a module loaded in every region', { skip }, () => {
  let dir = '';
  let group: LocalGroup;
  let clients: RegionClient[];
  let index = '';
  let round = 0;

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'atoll-search-'));
    group = await LocalGroup.up({ dir, regions: REGIONS, plain: true, modules: [MODULE] });
    clients = await Promise.all(group.members.map(connectIoredis));
  });
  after(async () => {
    await Promise.all((clients ?? []).map((client) => client.close()));
    await group?.down();
    rmSync(dir, { recursive: true, force: true });
  });
  beforeEach(() => {
    index = `index${round++}`;
  });

  const client = (region: number) => clients[region] as RegionClient;
  const run = (region: number, text: string) => client(region).send(text.split(' '));
  const quiet = () => waitUntilQuiet(group.quietMembers, QUIET_MS);

  async function apart(writes: () => Promise<void>): Promise<void> {
    await group.cut('eastus', 'westeurope');
    await group.cut('eastus', 'japaneast');
    await writes();
    await group.heal();
    await quiet();
  }

  /** What a command answers, which must be the same in every region. */
  async function everywhere(text: string): Promise<unknown> {
    const replies = await Promise.all(clients.map((_, region) => run(region, text)));
    for (const reply of replies) assert.deepEqual(sorted(reply), sorted(replies[0]));
    return sorted(replies[0]);
  }

  async function fieldsOf(name: string): Promise<string[]> {
    const infos = await Promise.all(clients.map((_, region) => run(region, `FT.INFO ${name}`)));
    const fields = infos.map((info) => (info as unknown[][])[5]?.map(String).sort());
    for (const other of fields) assert.deepEqual(other, fields[0]);
    return fields[0] ?? [];
  }

  test('an index made in one region finds what any region writes', async () => {
    await run(0, `FT.CREATE ${index} SCHEMA title TEXT price NUMERIC`);
    await quiet();
    await run(1, `FT.ADD ${index} ${index}:1 1.0 FIELDS title hello price 3`);
    await run(2, `HSET ${index}:2 title hello`);
    await run(2, `FT.ADDHASH ${index} ${index}:2 0.5`);
    await run(0, `FT.ADD ${index} ${index}:3 1.0 NOSAVE FIELDS title hello`);
    await quiet();
    assert.deepEqual(await everywhere(`FT.SEARCH ${index} hello NOCONTENT`), [
      3,
      `${index}:1`,
      `${index}:2`,
      `${index}:3`,
    ]);
    assert.deepEqual(await everywhere(`HGETALL ${index}:1`), ['3', 'hello', 'price', 'title']);
    assert.equal(await everywhere(`EXISTS ${index}:3`), 0);
    await run(1, `FT.DEL ${index} ${index}:1 DD`);
    await quiet();
    assert.equal(await everywhere(`EXISTS ${index}:1`), 0);
    assert.deepEqual(await everywhere(`FT.SEARCH ${index} hello NOCONTENT`), [
      2,
      `${index}:2`,
      `${index}:3`,
    ]);
  });

  test('fields of one document written in two regions are found together', async () => {
    await run(0, `FT.CREATE ${index} SCHEMA title TEXT body TEXT`);
    await run(0, `FT.ADD ${index} ${index}:1 1.0 FIELDS title old body old`);
    await quiet();
    await apart(async () => {
      await run(0, `FT.ADD ${index} ${index}:1 1.0 REPLACE PARTIAL FIELDS title east`);
      await run(1, `FT.ADD ${index} ${index}:1 1.0 REPLACE PARTIAL FIELDS body west`);
    });
    const found = [1, `${index}:1`];
    const query = ['FT.SEARCH', index, '@title:east @body:west', 'NOCONTENT'];
    for (const one of clients) assert.deepEqual(await one.send(query), found);
  });

  test('a document that was refused changes nothing anywhere', async () => {
    await run(0, `FT.CREATE ${index} SCHEMA title TEXT`);
    await run(0, `FT.ADD ${index} ${index}:1 1.0 FIELDS title first`);
    await assert.rejects(run(0, `FT.ADD ${index} ${index}:1 1.0 FIELDS title second`));
    await quiet();
    assert.deepEqual(await everywhere(`HGETALL ${index}:1`), ['first', 'title']);
    assert.deepEqual(await everywhere(`FT.SEARCH ${index} second NOCONTENT`), [0]);
  });

  test('of two definitions the newest is everywhere, and what is dropped is gone', async () => {
    await apart(async () => {
      await run(0, `FT.CREATE ${index} SCHEMA a TEXT`);
      // Which is newer is told by the clock when the replicators see them.
      await captured(clients[0]!);
      await run(1, `FT.CREATE ${index} SCHEMA b TEXT c NUMERIC`);
    });
    assert.deepEqual(await fieldsOf(index), ['b,type,TEXT,WEIGHT,1', 'c,type,NUMERIC']);
    await run(2, `FT.ADD ${index} ${index}:1 1.0 FIELDS b kept`);
    await run(2, `FT.DROP ${index} KEEPDOCS`);
    await quiet();
    for (const one of clients) {
      await assert.rejects(one.send(['FT.INFO', index]), /Unknown Index name/);
    }
    assert.deepEqual(await everywhere(`HGETALL ${index}:1`), ['b', 'kept']);
  });

  test('suggestions arrive once', async () => {
    await run(0, `FT.SUGADD ${index} hello 1 INCR`);
    await run(0, `FT.SUGADD ${index} hello 1 INCR`);
    await run(0, `FT.SUGADD ${index} help 1`);
    await quiet();
    const suggested = (await everywhere(`FT.SUGGET ${index} hel WITHSCORES`)) as unknown[];
    assert.ok(suggested.includes('hello') && suggested.includes('help'));
  });
});

function sorted(reply: unknown): unknown {
  if (!Array.isArray(reply)) return reply;
  return reply.map(sorted).sort((a, b) => (String(a) < String(b) ? -1 : 1));
}
