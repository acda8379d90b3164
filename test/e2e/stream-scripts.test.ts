// The scripts that change streams, on a real engine and on the model's form of them: random streams with groups and
// deliveries, random merges, and afterwards the same entries, last IDs, groups and pending entries.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  READ_GROUP_SCRIPT,
  READ_STREAM_HEAD_SCRIPT,
  STREAM_DONE_SCRIPT,
  STREAM_MERGE_SCRIPT,
} from '../../src/replicator/resolve/stream-scripts.ts';
import { TEST_SEED } from '../seed.ts';
import { type RealClient, RealEngine } from '../sim/model-engine/differential/real-engine.ts';
import type { ModelClient } from '../sim/model-engine/model-client.ts';
import { ModelEngine } from '../sim/model-engine/model-engine.ts';
import type { ModelReply } from '../sim/model-engine/reply.ts';
import { Random } from '../sim/random.ts';
import { registerScripts } from '../sim/scripts.ts';

const KEY = 's';
const NOW_MS = 1_700_000_000_000;
const ROUNDS = 150;
const seed = TEST_SEED;

/** IDs like 0-1 come after nothing but a last ID that no stream from which something was deleted can have. */
let hasSmallest = false;

const ids = (random: Random): string[] =>
  [...(hasSmallest ? ['0'] : []), '1', '2', '3', '4']
    .flatMap((ms) => ['0', '1', '2'].map((seq) => `${ms}-${seq}`))
    .filter((id) => id !== '0-0')
    .filter(() => random.chance(0.35));
const counted = (items: readonly string[]): string[] => [String(items.length), ...items];

/** Entries, groups, and what was delivered, in some order that engines allow. */
function setting(random: Random): string[][] {
  const commands = ids(random).map((id) => ['XADD', KEY, id, 'f', id]);
  for (const group of ['g', 'h']) {
    if (random.chance(0.4)) continue;
    const start = random.pick(['0', '2-0']);
    commands.push(['XGROUP', 'CREATE', KEY, group, start, 'MKSTREAM']);
    const count = String(1 + random.below(4));
    commands.push(['XREADGROUP', 'GROUP', group, 'c', 'COUNT', count, 'STREAMS', KEY, '>']);
    if (random.chance(0.5)) commands.push(['XACK', KEY, group, ...ids(random), '9-9']);
  }
  if (random.chance(0.3)) commands.push(['XDEL', KEY, ...ids(random), '9-9']);
  return commands;
}

/** Arguments of a merge of the entries that `present` has. */
function merge(random: Random, present: readonly string[]): string[] {
  const gone = present.filter(() => random.chance(0.2));
  const left = present.filter((id) => !gone.includes(id));
  const moving = new Map<string, string>();
  // Where one stands that no op tells of, it makes room.
  const takesPlaces = random.chance(0.2);
  const placed = ids(random)
    .filter((id) => !left.includes(id) || takesPlaces)
    .map((id) => {
      const mayMove = (old: string) => !takesPlaces && !moving.has(old) && old < id;
      const from = left.find((old) => mayMove(old) && random.chance(0.3)) ?? '';
      if (from !== '') moving.set(from, id);
      return [id, from, ...counted(from === '' ? ['f', `new ${id}`] : [])];
    });
  const pack = placed.length > 0 && random.chance(0.3) ? (hasSmallest ? '0-1' : '1-0') : '';
  const trims = random.chance(0.2) ? [['2-0', ...counted(present.slice(0, 1))]] : [];
  return [
    ...counted(random.chance(0.2) ? ['g'] : []),
    String(trims.length),
    ...trims.flat(),
    ...counted(gone),
    String(placed.length),
    ...placed.flat(),
    pack,
    random.pick(['0', '1']),
    ...random.pick([
      ['', '0'],
      ['5-0', '0'],
      ['6-0', '1'],
    ]),
    ...(random.chance(0.3) ? ['1', 'g', '2-1', ...counted(left.slice(0, 1))] : ['0']),
  ];
}

describe('the scripts for streams', () => {
  let engine: RealEngine;
  let real: RealClient;
  let model: ModelEngine;
  let client: ModelClient;

  before(async () => {
    engine = await RealEngine.start();
    real = await engine.connect();
  });
  after(async () => {
    real.close();
    await engine.stop();
  });

  async function both(args: readonly string[]): Promise<ModelReply> {
    const [reply] = await real.run([args]);
    const modelled = model.execute(client, args, NOW_MS);
    assert.deepEqual(plain(modelled), plain(reply as ModelReply), args.join(' '));
    return reply as ModelReply;
  }

  async function compare(): Promise<void> {
    await both(['XRANGE', KEY, '-', '+']);
    await both(['EXISTS', KEY]);
    await both(['EVAL_RO', READ_STREAM_HEAD_SCRIPT, '1', KEY, '3']);
    await both(['EVAL_RO', READ_STREAM_HEAD_SCRIPT, '1', KEY, '1', '1-1', '7-7', '2-1']);
    for (const group of ['g', 'h']) {
      await both(['EVAL_RO', READ_GROUP_SCRIPT, '1', KEY, group]);
      const [mine, theirs] = [
        model.execute(client, ['XPENDING', KEY, group, '-', '+', '100'], NOW_MS),
        (await real.run([['XPENDING', KEY, group, '-', '+', '100']]))[0] as ModelReply,
      ];
      assert.deepEqual(owners(mine), owners(theirs), `pending of ${group}`);
    }
  }

  /** A stream that is made anew forgets that entries which are gone were pending. */
  async function forgetGone(): Promise<void> {
    if (!hasSmallest) return;
    const entries = plain(await both(['XRANGE', KEY, '-', '+'])) as [string, unknown][];
    const present = new Set(entries.map(([id]) => id));
    for (const group of ['g', 'h']) {
      const pending = ['XPENDING', KEY, group, '-', '+', '100'];
      const known = [
        ...owners(model.execute(client, pending, NOW_MS)),
        ...owners((await real.run([pending]))[0] as ModelReply),
      ];
      const gone = known.map(([id]) => id).filter((id) => !present.has(id));
      const acknowledge = ['XACK', KEY, group, ...gone];
      if (gone.length === 0) continue;
      model.execute(client, acknowledge, NOW_MS);
      await real.run([acknowledge]);
    }
  }

  test('do on a real engine what they do on the model', async (t) => {
    t.diagnostic(`again: ATOLL_TEST_SEED=${seed}`);
    const random = new Random(seed);
    for (let round = 0; round < ROUNDS; round++) {
      model = new ModelEngine({ seed: 1 });
      client = model.connect();
      registerScripts(model);
      hasSmallest = round % 3 === 0;
      await real.run([['DEL', KEY]]);
      for (const args of setting(random)) {
        await real.run([args]);
        model.execute(client, args, NOW_MS);
      }
      for (let step = 0; step < 3; step++) {
        await forgetGone();
        const entries = plain(await both(['XRANGE', KEY, '-', '+'])) as [string, unknown][];
        const present = Array.isArray(entries) ? entries.map(([id]) => id) : [];
        await both(['EVAL', STREAM_MERGE_SCRIPT, '1', KEY, ...merge(random, present)]);
        await forgetGone();
        await compare();
        const except = present.filter(() => random.chance(0.2));
        await both(['EVAL', STREAM_DONE_SCRIPT, '1', KEY, 'g', '3-1', ...except]);
        await compare();
      }
    }
  });

  test('an entry of more fields than a script can hand on at once is put in order', async () => {
    const fields = Array.from({ length: 10_000 }, (_, i) => `f${i}`);
    await real.run([
      ['DEL', KEY],
      ['XADD', KEY, '5-0', ...fields],
    ]);
    const argv = ['0', '0', '0', '1', '4-0', '', ...counted(fields), '', '1', '', '0', '0'];
    const [reply] = await real.run([['EVAL', STREAM_MERGE_SCRIPT, '1', KEY, ...argv]]);
    assert.deepEqual(plain(reply as ModelReply), 1);
    const [entries] = await real.run([['XRANGE', KEY, '-', '+']]);
    assert.deepEqual(plain(entries as ModelReply), [
      ['4-0', fields],
      ['5-0', fields],
    ]);
  });
});

function plain(reply: ModelReply): unknown {
  if (reply.kind === 'array') return reply.items.map(plain);
  if (reply.kind === 'bulk' || reply.kind === 'simple') return reply.text;
  if (reply.kind === 'error') return `error ${reply.text.split(' ')[0]}`;
  return reply.kind === 'integer' ? Number(reply.value) : null;
}

/** Who has which entry; not since when. */
function owners(reply: ModelReply): [id: string, consumer: string][] {
  const pending = plain(reply);
  if (!Array.isArray(pending)) return [];
  return pending.map((entry) => (entry as unknown[]).slice(0, 2) as [string, string]);
}
