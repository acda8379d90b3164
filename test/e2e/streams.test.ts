// Streams on real engines in two regions: readers that wait, entries that come late, groups and acknowledgements, and
// what docs/semantics.md says of concurrent writes.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { LocalGroup } from '../../src/group/local-group.ts';
import { waitUntilQuiet } from '../../src/group/quiet.ts';
import { captured, connectIoredis, type RegionClient } from './support/region-client.ts';

const [EAST, WEST] = ['eastus', 'westeurope'];
const QUIET_TIMEOUT_MS = 20_000;
const BLOCK_MS = '10000';

type Entry = [id: string, fields: string[]];

describe('streams in two regions', () => {
  let parent = '';
  let group: LocalGroup;
  let east: RegionClient;
  let west: RegionClient;
  const clients: RegionClient[] = [];

  const connected = async (region: number): Promise<RegionClient> => {
    const member = group.members[region];
    assert.ok(member);
    const client = await connectIoredis(member);
    clients.push(client);
    return client;
  };
  const quiet = () => waitUntilQuiet(group.quietMembers, QUIET_TIMEOUT_MS);
  /** Both write what the other does not see before it has written too. */
  const apart = async (write: () => Promise<void>): Promise<void> => {
    await group.cut(EAST, WEST);
    await write();
    await group.heal();
    await quiet();
  };
  const all = async (client: RegionClient, ...commands: string[]): Promise<void> => {
    for (const command of commands) {
      await client.send(command.split(' '));
      await captured(client);
    }
  };
  const entries = async (client: RegionClient, key: string): Promise<string[]> => {
    const shown = (await client.send(['XRANGE', key, '-', '+'])) as Entry[];
    return shown.map(([id, fields]) => `${id} ${fields.join(' ')}`);
  };
  /** The same in both regions. */
  const both = async (key: string): Promise<string[]> => {
    const [first, second] = [await entries(east, key), await entries(west, key)];
    assert.deepEqual(second, first, key);
    return first;
  };
  const read = async (client: RegionClient, key: string, consumer: string): Promise<string[]> => {
    const args = ['XREADGROUP', 'GROUP', 'g', consumer, 'STREAMS', key, '>'];
    const reply = (await client.send(args)) as [string, Entry[]] | null;
    return (reply?.[1] ?? []).map(([id]) => id);
  };

  before(async () => {
    parent = mkdtempSync(join(tmpdir(), 'atoll-streams-'));
    const regions = [EAST, WEST];
    group = await LocalGroup.up({ dir: join(parent, 'group'), regions, plain: true });
    east = await connected(0);
    west = await connected(1);
  });
  after(async () => {
    for (const client of clients) await client.close();
    await group.down();
    rmSync(parent, { recursive: true });
  });

  test('readers that wait are served by entries of another region', async () => {
    await all(east, 'XADD wait 1-1 f before', 'XGROUP CREATE wait g $');
    await quiet();
    const [reader, consumer] = [await connected(1), await connected(1)];
    const waiting = [
      reader.send(['XREAD', 'BLOCK', BLOCK_MS, 'STREAMS', 'wait', '$']),
      consumer.send(['XREADGROUP', 'GROUP', 'g', 'c', 'BLOCK', BLOCK_MS, 'STREAMS', 'wait', '>']),
    ];
    for (let blocked = 0; blocked < 2; ) {
      const info = String(await west.send(['INFO', 'clients']));
      blocked = Number(/blocked_clients:(\d+)/.exec(info)?.[1]);
    }
    await all(east, 'XADD wait 2-1 f after');
    const expected = ['wait', [['2-1', ['f', 'after']]]];
    assert.deepEqual(await Promise.all(waiting), [expected, expected]);
  });

  test('late entries stand in order, equal IDs move, and nothing is lost', async () => {
    await apart(async () => {
      await all(east, 'XADD late 10-1 f a', 'XADD late 30-1 f c');
      await all(west, 'XADD late 20-1 f b', 'XADD late 30-1 f d');
    });
    assert.deepEqual(await both('late'), ['10-1 f a', '20-1 f b', '30-1 f c', '30-2 f d']);
    await all(west, 'XADD late * f e');
    await quiet();
    assert.equal((await both('late')).length, 5);
  });

  test('removals and trims take what they had seen', async () => {
    await all(east, 'XADD cut 1-1 f a', 'XADD cut 2-1 f b', 'XADD cut 3-1 f c');
    await quiet();
    await apart(async () => {
      await all(east, 'XTRIM cut MAXLEN 1', 'XADD cut 5-1 f e');
      await all(west, 'XADD cut 4-1 f d', 'XDEL cut 3-1');
    });
    assert.deepEqual(await both('cut'), ['4-1 f d', '5-1 f e']);
    await apart(async () => {
      await all(east, 'DEL cut');
      await all(west, 'XADD cut 6-1 f f');
    });
    assert.deepEqual(await both('cut'), ['6-1 f f']);
  });

  test('MAXLEN with an entry cuts everywhere, also what was added elsewhere', async () => {
    for (let i = 1; i <= 20; i++) await all(i % 2 === 0 ? east : west, `XADD most * f ${i}`);
    await quiet();
    await all(east, 'XADD most MAXLEN = 3 * f last');
    await quiet();
    const left = await both('most');
    assert.equal(left.length, 3);
    assert.match(left.at(-1) ?? '', /f last$/);
  });

  test('a late entry is delivered although its group is past it', async () => {
    await all(east, 'XADD skip 1-1 f a', 'XGROUP CREATE skip g 0');
    await quiet();
    await apart(async () => {
      await all(east, 'XADD skip 9-1 f z');
      await all(west, 'XADD skip 5-1 f m');
      assert.deepEqual(await read(east, 'skip', 'c'), ['1-1', '9-1']);
    });
    assert.deepEqual(await read(east, 'skip', 'c'), []);
    const claimed = (await east.send(['XAUTOCLAIM', 'skip', 'g', 'c', '0', '0'])) as [
      string,
      Entry[],
    ];
    assert.deepEqual(
      claimed[1].map(([id]) => id),
      ['1-1', '5-1', '9-1'],
    );
    assert.deepEqual(await read(west, 'skip', 'd'), ['1-1', '5-1', '9-1']);
  });

  test('what is acknowledged without a gap is done in the other region too', async () => {
    await all(east, 'XADD ack 1-1 f a', 'XADD ack 2-1 f b', 'XADD ack 3-1 f c');
    await all(east, 'XGROUP CREATE ack g 0');
    assert.deepEqual(await read(east, 'ack', 'c'), ['1-1', '2-1', '3-1']);
    await all(east, 'XACK ack g 1-1 3-1');
    await quiet();
    assert.deepEqual(await read(west, 'ack', 'd'), ['2-1', '3-1']);
    await all(east, 'XACK ack g 2-1');
    await quiet();
    const [pending] = (await west.send(['XPENDING', 'ack', 'g'])) as [number];
    assert.equal(pending, 0);
  });

  test('groups of one name are one, and a removal beats a creation', async () => {
    await all(east, 'XADD groups 1-1 f a');
    await quiet();
    const names = async (client: RegionClient): Promise<string[]> => {
      const groups = (await client.send(['XINFO', 'GROUPS', 'groups'])) as string[][];
      return groups.map((each) => each[1] ?? '').sort();
    };
    await apart(async () => {
      await all(east, 'XGROUP CREATE groups g 0', 'XGROUP CREATE groups h 0');
      await all(west, 'XGROUP CREATE groups g $');
    });
    assert.deepEqual(
      [await names(east), await names(west)],
      [
        ['g', 'h'],
        ['g', 'h'],
      ],
    );
    await apart(async () => {
      await all(east, 'XGROUP DESTROY groups g', 'XGROUP CREATE groups g 0');
      await all(west, 'XGROUP DESTROY groups g', 'XGROUP CREATE groups i 0');
    });
    assert.deepEqual(
      [await names(east), await names(west)],
      [
        ['h', 'i'],
        ['h', 'i'],
      ],
    );
  });

  test('what a group was given and is not done with is delivered by the group of a copy, elsewhere', async () => {
    await all(east, 'XADD {d}a 1-1 f a', 'XADD {d}a 2-1 f b', 'XADD {d}a 3-1 f c');
    await all(east, 'XGROUP CREATE {d}a g 0', 'XGROUP CREATE {d}a h $', 'XGROUP CREATE {d}a i 0');
    assert.deepEqual(await read(east, '{d}a', 'c'), ['1-1', '2-1', '3-1']);
    await all(east, 'XREADGROUP GROUP i c COUNT 1 STREAMS {d}a >');
    await all(east, 'XACK {d}a g 1-1 3-1', 'COPY {d}a {d}b', 'RENAME {d}a {d}c');
    await quiet();
    for (const key of ['{d}b', '{d}c']) {
      assert.deepEqual(await read(west, key, 'd'), ['2-1', '3-1'], key);
      const groups = (await west.send(['XINFO', 'GROUPS', key])) as (string | number)[][];
      const starts = groups.map((group) => [group[1], group[7]]);
      assert.deepEqual(starts.slice(1), [
        ['h', '3-1'],
        ['i', '0-0'],
      ]);
    }
  });

  test('a stream that is renamed or copied goes everywhere with its groups', async () => {
    await all(east, 'XADD {m}a 1-1 f a', 'XADD {m}a 2-1 f b', 'XGROUP CREATE {m}a g 1-1');
    await all(
      east,
      'COPY {m}a {m}b',
      'XDEL {m}a 1-1 2-1',
      'RENAME {m}a {m}c',
      'PEXPIRE {m}c 100000',
    );
    await quiet();
    assert.deepEqual(await both('{m}b'), ['1-1 f a', '2-1 f b']);
    assert.deepEqual(await both('{m}c'), []);
    assert.deepEqual(await read(west, '{m}b', 'd'), ['2-1']);
    const keys = ['{m}a', '{m}b', '{m}c'];
    for (const client of [east, west]) assert.equal(await client.send(['EXISTS', ...keys]), 2);
    await assert.rejects(west.send(['XADD', '{m}c', '2-1', 'f', 'v']), /equal or smaller/);
    assert.ok(Number(await west.send(['PTTL', '{m}c'])) > 0);
  });
});
