// Libraries of functions on real engines: local to a region unless the group replicates them; then the newest
// wins, library by library.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connectEngine } from '../../src/engine/client.ts';
import { LocalGroup } from '../../src/group/local-group.ts';
import { waitUntilQuiet } from '../../src/group/quiet.ts';
import { captured, connectIoredis, type RegionClient } from './support/region-client.ts';

const EAST = 'eastus';
const WEST = 'westeurope';
const QUIET_TIMEOUT_MS = 20_000;

/** A library with one function, named as it is, that answers `answer`. */
const library = (name: string, answer: string): string =>
  `#!lua name=${name}\nredis.register_function('${name}', function() return '${answer}' end)`;

describe('libraries of functions', () => {
  let parent = '';
  const groups: LocalGroup[] = [];
  const clients: RegionClient[] = [];

  const up = async (name: string, functions?: 'local' | 'replicated'): Promise<LocalGroup> => {
    const regions = [EAST, WEST];
    const group = await LocalGroup.up({ dir: join(parent, name), regions, plain: true, functions });
    groups.push(group);
    return group;
  };
  const clientsOf = async (group: LocalGroup): Promise<RegionClient[]> => {
    const connected = await Promise.all(group.members.map(connectIoredis));
    clients.push(...connected);
    return connected;
  };
  const quiet = (group: LocalGroup) => waitUntilQuiet(group.quietMembers, QUIET_TIMEOUT_MS);
  const call = async (client: RegionClient, name: string): Promise<string> => {
    try {
      return String(await client.send(['FCALL', name, '0']));
    } catch (error) {
      assert.match(String(error), /Function not found/);
      return 'none';
    }
  };

  before(() => {
    parent = mkdtempSync(join(tmpdir(), 'atoll-functions-'));
  });
  after(async () => {
    for (const client of clients) await client.close();
    for (const group of groups) await group.down();
    rmSync(parent, { recursive: true });
  });

  test('are local unless the group replicates them', async () => {
    const group = await up('local');
    const [east, west] = (await clientsOf(group)) as [RegionClient, RegionClient];
    await east.send(['FUNCTION', 'LOAD', library('greet', 'hello')]);
    await quiet(group);
    assert.deepEqual([await call(east, 'greet'), await call(west, 'greet')], ['hello', 'none']);
  });

  describe('where the group replicates them', () => {
    let group: LocalGroup;
    let east: RegionClient;
    let west: RegionClient;
    const both = async (name: string): Promise<string[]> => {
      await quiet(group);
      return [await call(east, name), await call(west, name)];
    };
    /** East writes first, west a moment later, and neither sees the other. */
    const apart = async (eastWrites: string[], westWrites: string[]): Promise<void> => {
      await quiet(group);
      await group.cut(EAST, WEST);
      await east.send(eastWrites);
      await captured(east);
      await west.send(westWrites);
      await group.heal();
    };

    before(async () => {
      group = await up('replicated', 'replicated');
      [east, west] = (await clientsOf(group)) as [RegionClient, RegionClient];
    });

    test('they are loaded, replaced and removed everywhere', async () => {
      await east.send(['FUNCTION', 'LOAD', library('one', 'first')]);
      assert.deepEqual(await both('one'), ['first', 'first']);
      await west.send(['FUNCTION', 'LOAD', 'REPLACE', library('one', 'second')]);
      assert.deepEqual(await both('one'), ['second', 'second']);
      await east.send(['FUNCTION', 'DELETE', 'one']);
      assert.deepEqual(await both('one'), ['none', 'none']);
    });

    test('of concurrent loads of one library the newest wins, others stand beside', async () => {
      await apart(
        ['FUNCTION', 'LOAD', library('two', 'east')],
        ['FUNCTION', 'LOAD', library('two', 'west')],
      );
      assert.deepEqual(await both('two'), ['west', 'west']);
      await apart(
        ['FUNCTION', 'LOAD', library('three', 'east')],
        ['FUNCTION', 'LOAD', library('four', 'west')],
      );
      assert.deepEqual(await both('three'), ['east', 'east']);
      assert.deepEqual(await both('four'), ['west', 'west']);
    });

    test('a load survives a removal that had not seen it', async () => {
      await east.send(['FUNCTION', 'LOAD', 'REPLACE', library('two', 'seen')]);
      await apart(
        ['FUNCTION', 'LOAD', 'REPLACE', library('two', 'unseen')],
        ['FUNCTION', 'DELETE', 'two'],
      );
      assert.deepEqual(await both('two'), ['unseen', 'unseen']);
      await apart(['FUNCTION', 'LOAD', library('five', 'unseen')], ['FUNCTION', 'FLUSH']);
      assert.deepEqual(await both('five'), ['unseen', 'unseen']);
      assert.deepEqual(await both('two'), ['none', 'none']);
      await apart(['FUNCTION', 'DELETE', 'five'], ['FUNCTION', 'DELETE', 'five']);
      assert.deepEqual(await both('five'), ['none', 'none']);
    });

    test('what is restored from a dump is there everywhere', async () => {
      await east.send(['FUNCTION', 'LOAD', library('six', 'kept')]);
      const engine = await connectEngine({
        host: group.members[0]?.host ?? '',
        port: group.members[0]?.enginePort ?? 0,
      });
      const dump = (await engine.callBuffer('FUNCTION', 'DUMP')) as Buffer;
      await east.send(['FUNCTION', 'FLUSH']);
      await west.send(['FUNCTION', 'LOAD', library('seven', 'other')]);
      assert.deepEqual(await both('six'), ['none', 'none']);
      await engine.call('FUNCTION', 'RESTORE', dump);
      assert.deepEqual(await both('six'), ['kept', 'kept']);
      assert.deepEqual(await both('seven'), ['other', 'other']);
      await engine.call('FUNCTION', 'RESTORE', dump, 'FLUSH');
      assert.deepEqual(await both('six'), ['kept', 'kept']);
      assert.deepEqual(await both('seven'), ['none', 'none']);
      engine.disconnect();
    });

    test('a load in a transaction comes with what else is in it', async () => {
      await west.transaction([
        ['FUNCTION', 'LOAD', library('eight', 'together')],
        ['SET', 'k', 'v'],
      ]);
      assert.deepEqual(await both('eight'), ['together', 'together']);
      assert.equal(String(await east.send(['GET', 'k'])), 'v');
    });
  });
});
