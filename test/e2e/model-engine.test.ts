// The simulation is worth what its model engine is worth: random commands run on a real redis-server and on the model,
// and every reply, every byte of the replication stream and the content at the end must be the same.
//
// ATOLL_TEST_SEED and ATOLL_COMMANDS choose another run. The model is one of Redis 7.0, and held against nothing else:
// newer engines write scores shorter, refuse XSETID below what was deleted, and say more of what groups were given.

import assert from 'node:assert';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { findEngine } from '../../src/engine/find.ts';
import { TEST_SEED } from '../seed.ts';
import { Lockstep, type Step } from '../sim/model-engine/differential/lockstep.ts';
import { RandomCommands } from '../sim/model-engine/differential/random-commands.ts';
import {
  afterExpiry,
  beforeExpiry,
  EXPIRES_AFTER_MS,
  only,
  scenario,
  untilExpiry,
} from '../sim/model-engine/differential/random-scenarios.ts';
import { rareCases } from '../sim/model-engine/differential/rare-cases.ts';
import { canonicalHyperLogLog } from '../sim/model-engine/hyperloglog.ts';
import type { ModelReply } from '../sim/model-engine/reply.ts';
import { entryContent, groupContent } from '../sim/model-engine/streams/stream-dump.ts';

const COMMANDS = Number(process.env.ATOLL_COMMANDS ?? 24_000);
const BATCH = 400;
const EXPIRY_ROUNDS = 12;

const { kind, version } = await findEngine();
const isModelled = kind === 'redis' && version.startsWith('7.0.');
const skip = isModelled ? false : `the model is not one of ${kind} ${version}`;

describe('the model engine against the real one', { skip }, () => {
  let lockstep: Lockstep;

  before(async () => {
    lockstep = await Lockstep.start();
  });
  after(() => lockstep.stop());

  it(`agrees on ${COMMANDS} random commands (seed ${TEST_SEED})`, async () => {
    const commands = new RandomCommands(TEST_SEED);
    for (let done = 0; done < COMMANDS; ) {
      const steps: Step[] = [];
      while (steps.length < BATCH) steps.push(...scenario(commands, lockstep.payloads.length));
      await lockstep.run(steps);
      await compareStreams(lockstep);
      done += steps.length;
    }
    await compareContents(lockstep);
  });

  for (const [name, steps] of Object.entries(rareCases())) {
    it(`agrees on ${name}`, async () => {
      await lockstep.run(steps);
      await compareStreams(lockstep);
    });
  }

  it('agrees on keys that expire while they are watched, read and written', async () => {
    const commands = new RandomCommands(TEST_SEED + 1);
    for (let round = 0; round < EXPIRY_ROUNDS; round++) {
      await lockstep.run(beforeExpiry(commands));
      await lockstep.run(untilExpiry(commands));
      await sleep(2 * EXPIRES_AFTER_MS);
      await lockstep.run(afterExpiry(commands));
      await compareStreams(lockstep);
    }
    await compareContents(lockstep);
  });

  it('agrees on scripts: their effects, alone, several, none, in a transaction, before an error', async () => {
    const { model } = lockstep;
    const set = "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1])";
    model.registerScript(set, ({ call }, [key = ''], [value = '']) => {
      call(['SET', key, value]);
      return call(['GET', key]);
    });
    const copy =
      "if redis.call('COPY', KEYS[1], KEYS[2]) == 0 then return 0 end return redis.call('INCR', KEYS[2])";
    model.registerScript(copy, ({ call }, [source = '', target = '']) => {
      const copied = call(['COPY', source, target]);
      return copied.kind === 'integer' && copied.value === 0 ? copied : call(['INCR', target]);
    });
    const failing =
      "redis.call('APPEND', KEYS[1], 'x') local e = redis.pcall('INCR', KEYS[1]) return 1";
    model.registerScript(failing, ({ call, pcall }, [key = '']) => {
      call(['APPEND', key, 'x']);
      pcall(['INCR', key]);
      return { kind: 'integer', value: 1 };
    });
    const both = [
      ['EVAL', set, '1', 's', '5'],
      ['EVAL', copy, '2', 's', 't'],
      ['EVAL', copy, '2', 's', 't'],
      ['EVAL', failing, '1', 's'],
    ];
    const commands = [['DEL', 's', 't'], ...both, ['DEL', 's', 't'], ['MULTI'], ...both, ['EXEC']];
    const expired = [
      ['SET', 's', '1', 'PXAT', '1000'],
      ['EVAL', set, '1', 's', '6'],
    ];
    await lockstep.run(only(0, [...commands, ...expired]));
    await compareStreams(lockstep);
  });

  it('agrees on what the active expiry deletes', async () => {
    await lockstep.run(
      only(0, [['FLUSHALL'], ['MULTI'], ['SET', 'a', '1', 'PX', '10'], ['DISCARD']]),
    );
    const atMs = String(Date.now() + EXPIRES_AFTER_MS);
    await lockstep.run(
      only(0, [
        ['SET', 'string:0', '1', 'PXAT', atMs],
        ['SET', 'string:1', '1'],
      ]),
    );
    await lockstep.askReal([['DEBUG', 'SET-ACTIVE-EXPIRE', '1']]);
    while ((await sizeOf(lockstep)) > 1) await sleep(EXPIRES_AFTER_MS);
    lockstep.model.activeExpire(Date.now());
    await lockstep.askReal([['DEBUG', 'SET-ACTIVE-EXPIRE', '0']]);
    await compareStreams(lockstep);
  });
});

async function sizeOf(lockstep: Lockstep): Promise<number> {
  const [reply] = await lockstep.askReal([['DBSIZE']]);
  assert(reply?.kind === 'integer');
  return Number(reply.value);
}

async function compareStreams(lockstep: Lockstep): Promise<void> {
  const { real, model } = await lockstep.takeStreams();
  if (real.equals(model)) return;
  let at = 0;
  while (real[at] === model[at]) at++;
  const around = (bytes: Buffer) =>
    JSON.stringify(bytes.latin1Slice(Math.max(0, at - 200), at + 100).replaceAll('\r\n', ' '));
  assert.fail(`streams differ at byte ${at}: model ${around(model)} engine ${around(real)}`);
}

const DUMPERS: Readonly<Record<string, readonly string[]>> = {
  string: ['GET'],
  hash: ['HGETALL'],
  set: ['SMEMBERS'],
  zset: ['ZRANGE', '0', '-1', 'WITHSCORES'],
  list: ['LRANGE', '0', '-1'],
  stream: ['XRANGE', '-', '+'],
};

async function compareContents(lockstep: Lockstep): Promise<void> {
  const model = lockstep.model.dump(Date.now());
  for (const { key, type, content, expiresAtMs } of model) {
    const [command = '', ...rest] = DUMPERS[type] ?? [];
    const [typeReply, expiryReply, contentReply, groups] = await lockstep.askReal([
      ['TYPE', key],
      ['PEXPIRETIME', key],
      [command, key, ...rest],
      ['XINFO', 'GROUPS', key],
    ]);
    assert.deepEqual(typeReply, { kind: 'simple', text: type });
    assert.deepEqual(expiryReply, { kind: 'integer', value: expiresAtMs ?? -1 });
    const real =
      type === 'stream'
        ? streamContent(contentReply as ModelReply, groups as ModelReply)
        : canonical(type, texts(contentReply as ModelReply));
    assert.deepEqual(content, real, key);
  }
  const [keys] = await lockstep.askReal([['KEYS', '*']]);
  assert.equal(texts(keys as ModelReply).length, model.length);
}

function texts(reply: ModelReply): string[] {
  if (reply.kind === 'bulk') return [reply.text];
  assert(reply.kind === 'array');
  return reply.items.map((item) => (item.kind === 'bulk' ? item.text : assert.fail()));
}

function itemsOf(reply: ModelReply): readonly ModelReply[] {
  assert(reply.kind === 'array');
  return reply.items;
}

function streamContent(entries: ModelReply, groups: ModelReply): string[] {
  const contents = itemsOf(entries).map((entry) => {
    const [id, fields] = itemsOf(entry) as [ModelReply, ModelReply];
    return entryContent(texts(id)[0] as string, texts(fields));
  });
  const names = itemsOf(groups).map((group) => texts(itemsOf(group)[1] as ModelReply)[0] as string);
  return [...contents, ...names.sort().map(groupContent)];
}

function canonical(type: string, parts: string[]): string[] {
  if (type === 'string') return parts.map((text) => canonicalHyperLogLog(text) ?? text);
  if (type === 'set') return parts.sort();
  if (type !== 'hash') return parts;
  const pairs = parts.flatMap((field, i) => (i % 2 === 0 ? [[field, parts[i + 1] as string]] : []));
  return pairs.sort(([a = ''], [b = '']) => (a < b ? -1 : 1)).flat();
}
