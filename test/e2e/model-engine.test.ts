// The simulation is worth what its model engine is worth: random commands run on a real redis-server and on the model,
// and every reply, every byte of the replication stream and the content at the end must be the same.
//
// ATOLL_SEED and ATOLL_COMMANDS choose another run.

import assert from 'node:assert';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Lockstep, PAYLOAD, type Step } from '../sim/model-engine/differential/lockstep.ts';
import { FAR_FUTURE_MS } from '../sim/model-engine/differential/random-arguments.ts';
import { RandomCommands } from '../sim/model-engine/differential/random-commands.ts';
import { canonicalHyperLogLog } from '../sim/model-engine/hyperloglog.ts';
import type { ModelReply } from '../sim/model-engine/reply.ts';

const SEED = Number(process.env.ATOLL_SEED ?? 20261);
const COMMANDS = Number(process.env.ATOLL_COMMANDS ?? 24_000);
const BATCH = 400;
const EXPIRY_ROUNDS = 12;
const EXPIRES_AFTER_MS = 25;

describe('the model engine against redis-server', () => {
  let lockstep: Lockstep;

  before(async () => {
    lockstep = await Lockstep.start();
  });
  after(() => lockstep.stop());

  it(`agrees on ${COMMANDS} random commands (seed ${SEED})`, async () => {
    const commands = new RandomCommands(SEED);
    for (let done = 0; done < COMMANDS; ) {
      const steps: Step[] = [];
      while (steps.length < BATCH) steps.push(...scenario(commands, lockstep.payloads.length));
      await lockstep.run(steps);
      await compareStreams(lockstep);
      done += steps.length;
    }
    await compareContents(lockstep);
  });

  it('agrees on keys that expire while they are watched, read and written', async () => {
    const commands = new RandomCommands(SEED + 1);
    for (let round = 0; round < EXPIRY_ROUNDS; round++) {
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

function only(client: number, commands: readonly (readonly string[])[]): Step[] {
  return commands.map((args) => ({ client, args }));
}

/** One or more commands that belong together. */
function scenario(commands: RandomCommands, payloads: number): Step[] {
  const { random } = commands;
  switch (random.below(40)) {
    case 0:
    case 1:
    case 2:
      return transaction(commands);
    case 3:
      return relativeExpiry(commands);
    case 4:
      return only(0, [['DUMP', commands.key()]]);
    case 5:
      return only(0, [restore(commands, payloads)]);
    case 6:
      return random.chance(10) ? only(0, [['FLUSHALL', ...random.some(50, () => ['ASYNC'])]]) : [];
    case 7:
      return only(0, [[random.pick(['EXEC', 'DISCARD', 'UNWATCH', 'PING'])]]);
    default:
      return only(
        random.chance(2) ? 1 : 0,
        random.times(20, () => commands.next()),
      );
  }
}

function transaction(commands: RandomCommands): Step[] {
  const { random } = commands;
  const steps: Step[] = [];
  const client = random.below(2);
  const meddle = () => random.times(3, () => commands.next());
  if (random.chance(50)) {
    steps.push(...only(client, [['WATCH', ...random.times(2, () => commands.key())]]));
    if (random.chance(40)) steps.push(...only(1 - client, meddle()));
    if (random.chance(5)) steps.push(...only(client, [['UNWATCH']]));
  }
  steps.push(...only(client, [['MULTI']]));
  steps.push(
    ...only(
      client,
      random.times(5, () => commands.next()),
    ),
  );
  if (random.chance(5)) steps.push(...only(client, [[random.pick(['MULTI', 'UNWATCH', 'PING'])]]));
  if (random.chance(3)) steps.push(...only(client, [['WATCH', commands.key()]]));
  if (random.chance(20)) steps.push(...only(1 - client, meddle()));
  steps.push(...only(client, [[random.chance(90) ? 'EXEC' : 'DISCARD']]));
  return steps;
}

function relativeExpiry(commands: RandomCommands): Step[] {
  const { random } = commands;
  const key = commands.key();
  const flags = random.some(30, () => [random.pick(['NX', 'XX', 'LT'])]);
  const args = random.pick([
    ['EXPIRE', key, '1000', ...flags],
    ['PEXPIRE', key, '1000000', ...flags],
    ['EXPIRE', key, '-1'],
    ['SETEX', key, '1000', commands.word()],
    ['PSETEX', key, '1000000', commands.word()],
    ['SETEX', key, '0', commands.word()],
  ]);
  return only(0, [args]);
}

function restore(commands: RandomCommands, payloads: number): string[] {
  if (payloads === 0) return ['PING'];
  const { random } = commands;
  const ttl = random.pick(['0', '0', String(FAR_FUTURE_MS), '1000', '-1']);
  const payload = PAYLOAD + random.below(payloads);
  return ['RESTORE', commands.key(), ttl, payload, ...random.some(70, () => ['REPLACE']), 'ABSTTL'];
}

/** Every key gets a value, some an expiry soon; the clients watch, begin, and queue. */
function untilExpiry(commands: RandomCommands): Step[] {
  const { random } = commands;
  const soon = String(Date.now() + EXPIRES_AFTER_MS);
  const fill = random.times(40, () => commands.next());
  const expiries = random.times(8, () => ['PEXPIREAT', commands.key(), soon]);
  const watches = [0, 1].flatMap((client) => only(client, [['WATCH', commands.key()]]));
  return [...only(0, fill), ...only(0, expiries), ...watches];
}

function afterExpiry(commands: RandomCommands): Step[] {
  const { random } = commands;
  const steps: Step[] = [];
  for (const client of [1, 0]) {
    steps.push(
      ...only(
        client,
        random.some(50, () => random.times(4, () => commands.next())),
      ),
    );
    // A watch that begins after the expiry does not see it.
    steps.push(
      ...only(
        client,
        random.some(30, () => [['WATCH', commands.key()]]),
      ),
    );
    steps.push(...only(client, [['MULTI'], ...random.times(6, () => commands.next()), ['EXEC']]));
  }
  steps.push(
    ...only(
      0,
      random.times(30, () => commands.next()),
    ),
  );
  return steps;
}

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
};

async function compareContents(lockstep: Lockstep): Promise<void> {
  const model = lockstep.model.dump(Date.now());
  for (const { key, type, content, expiresAtMs } of model) {
    const [command = '', ...rest] = DUMPERS[type] ?? [];
    const [typeReply, expiryReply, contentReply] = await lockstep.askReal([
      ['TYPE', key],
      ['PEXPIRETIME', key],
      [command, key, ...rest],
    ]);
    assert.deepEqual(typeReply, { kind: 'simple', text: type });
    assert.deepEqual(expiryReply, { kind: 'integer', value: expiresAtMs ?? -1 });
    assert.deepEqual(content, canonical(type, texts(contentReply as ModelReply)), key);
  }
  const [keys] = await lockstep.askReal([['KEYS', '*']]);
  assert.equal(texts(keys as ModelReply).length, model.length);
}

function texts(reply: ModelReply): string[] {
  if (reply.kind === 'bulk') return [reply.text];
  assert(reply.kind === 'array');
  return reply.items.map((item) => (item.kind === 'bulk' ? item.text : assert.fail()));
}

function canonical(type: string, parts: string[]): string[] {
  if (type === 'string') return parts.map((text) => canonicalHyperLogLog(text) ?? text);
  if (type === 'set') return parts.sort();
  if (type !== 'hash') return parts;
  const pairs = parts.flatMap((field, i) => (i % 2 === 0 ? [[field, parts[i + 1] as string]] : []));
  return pairs.sort(([a = ''], [b = '']) => (a < b ? -1 : 1)).flat();
}
