// Expiries of fields on real engines that have them (Redis 7.4, Valkey 9.0 and newer): ATOLL_ENGINE names one.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { LocalGroup } from '../../src/group/local-group.ts';
import { waitUntilQuiet } from '../../src/group/quiet.ts';
import { captured, connectIoredis, type RegionClient } from './support/region-client.ts';

const EAST = 'eastus';
const WEST = 'westeurope';
const QUIET_TIMEOUT_MS = 20_000;
const [LATE, LATER] = [4_102_444_800_000, 4_102_444_900_000];

describe('expiries of fields', () => {
  let parent = '';
  let group: LocalGroup;
  let east: RegionClient;
  let west: RegionClient;
  let isKnown = false;

  const quiet = () => waitUntilQuiet(group.quietMembers, QUIET_TIMEOUT_MS);
  const send = (client: RegionClient, command: string) => client.send(command.split(' '));
  /** East writes first, west a moment later, and neither sees the other. */
  const apart = async (start: string, eastWrite: string, westWrite: string): Promise<void> => {
    await send(east, start);
    await quiet();
    await group.cut(EAST, WEST);
    await send(east, eastWrite);
    await captured(east);
    await send(west, westWrite);
    await group.heal();
    await quiet();
  };
  /** What both regions answer, which has to be the same. */
  const both = async (command: string): Promise<unknown> => {
    await quiet();
    const [first, second] = [await send(east, command), await send(west, command)];
    assert.deepEqual(second, first, command);
    return first;
  };
  const expiry = (key: string, field = 'f') => both(`HPEXPIRETIME ${key} FIELDS 1 ${field}`);
  const scenario = (name: string, run: () => Promise<void>): void => {
    test(name, async (t) => {
      if (isKnown) await run();
      else t.skip('this engine has none');
    });
  };

  before(async () => {
    parent = mkdtempSync(join(tmpdir(), 'atoll-field-expiry-'));
    group = await LocalGroup.up({ dir: join(parent, 'group'), regions: [EAST, WEST], plain: true });
    const [first, second] = group.members;
    assert.ok(first !== undefined && second !== undefined);
    east = await connectIoredis(first);
    west = await connectIoredis(second);
    const [known] = (await send(east, 'COMMAND INFO HPEXPIREAT')) as unknown[];
    isKnown = known !== null;
  });
  after(async () => {
    await east.close();
    await west.close();
    await group.down();
    rmSync(parent, { recursive: true });
  });

  scenario('of concurrent ones the longest wins', async () => {
    await apart(
      'HSET a f 1',
      `HPEXPIREAT a ${LATER} FIELDS 1 f`,
      `HPEXPIREAT a ${LATE} FIELDS 1 f`,
    );
    assert.deepEqual(await expiry('a'), [LATER]);
    await apart(
      `HPEXPIREAT a ${LATE} FIELDS 1 f`,
      'HPERSIST a FIELDS 1 f',
      `HPEXPIREAT a ${LATER} FIELDS 1 f`,
    );
    assert.deepEqual(await expiry('a'), [-1]);
  });

  scenario('HSET ends them, HINCRBY does not', async () => {
    await apart('HSET b f 1', `HPEXPIREAT b ${LATE} FIELDS 1 f`, 'HSET b f 2');
    assert.deepEqual([await both('HGET b f'), await expiry('b')], ['2', [-1]]);
    await apart('HSET b f 1', `HPEXPIREAT b ${LATE} FIELDS 1 f`, 'HINCRBY b f 2');
    assert.deepEqual([await both('HGET b f'), await expiry('b')], ['3', [LATE]]);
  });

  scenario('an extension protects the field from a removal that had not seen it', async () => {
    await apart('HSET c f 1 g 2', `HPEXPIREAT c ${LATE} FIELDS 1 f`, 'HDEL c f g');
    assert.deepEqual([await both('HGETALL c'), await expiry('c')], [['f', '1'], [LATE]]);
  });

  scenario('a field whose time comes goes everywhere', async () => {
    await send(east, 'HSET d f 1 g 2');
    await send(east, 'HPEXPIRE d 60 FIELDS 1 f');
    await quiet();
    while ((await send(west, 'HEXISTS d f')) === 1 || (await send(east, 'HEXISTS d f')) === 1) {
      await delay(20);
    }
    assert.deepEqual(await both('HGETALL d'), ['g', '2']);
  });

  scenario('hashes that are copied, moved or asserted keep them', async () => {
    await send(east, 'HSET e f 1 g 2');
    await send(east, `HPEXPIREAT e ${LATE} FIELDS 1 f`);
    await send(west, 'EXISTS e');
    await quiet();
    await send(west, 'COPY e copied');
    await send(west, 'RENAME e moved');
    for (const key of ['copied', 'moved']) {
      assert.deepEqual([await expiry(key), await expiry(key, 'g')], [[LATE], [-1]], key);
    }
    await apart('HSET kept f 1', 'PEXPIRE kept 900000', 'DEL kept');
    await send(east, `HPEXPIREAT kept ${LATE} FIELDS 1 f`);
    assert.deepEqual(await expiry('kept'), [LATE]);
  });
});
