// A donor, a wire and a newcomer that may join over it; clients that write meanwhile; and what must then be.

import assert from 'node:assert/strict';
import { OperatorError } from '../../../src/base/errors.ts';
import { type Joined, type JoinOptions, joinFrom } from '../../../src/replicator/join/join.ts';
import type { JoinProgress } from '../../../src/replicator/join/progress.ts';
import {
  configFor,
  Donor,
  Engine,
  freePort,
  logger,
  NEWCOMER,
  type Recording,
  temporaryDir,
  Undo,
  Wire,
} from './join-bed.ts';

export interface Bed {
  undo: Undo;
  donorEngine: Engine;
  newcomerEngine: Engine;
  donor: Donor;
  wire: Wire;
  stateDir: string;
  progress: JoinProgress[];
  join(options?: Partial<JoinOptions>): Promise<Joined>;
}

/** `settings` are those of the donor's engine. */
export async function withBed(
  run: (bed: Bed) => Promise<void>,
  settings: readonly string[] = [],
): Promise<void> {
  const undo = new Undo();
  try {
    const donorEngine = await Engine.start(undo, settings);
    const newcomerEngine = await Engine.start(undo);
    const ports: [number, number] = [await freePort(), await freePort()];
    const donor = await Donor.start(donorEngine, undo, ports);
    const wire = await Wire.open(ports[1], ports[0], undo);
    const stateDir = temporaryDir(undo);
    const config = configFor(NEWCOMER, ports, stateDir);
    const progress: JoinProgress[] = [];
    await run({
      ...{ undo, donorEngine, newcomerEngine, donor, wire, stateDir, progress },
      join: (options = {}) => {
        const member = config.members[0];
        assert.ok(member !== undefined);
        const onProgress = (one: JoinProgress) => void progress.push(one);
        const endpoint = newcomerEngine.endpoint;
        return joinFrom({
          config,
          donor: member,
          engine: endpoint,
          logger,
          onProgress,
          ...options,
        });
      },
    });
  } finally {
    await undo.run();
  }
}

/** Writes of all kinds until they are ended; returns how many rounds there were. */
export function startWriters({ client }: Engine): () => Promise<number> {
  let isOn = true;
  let rounds = 0;
  const write = async (writer: number): Promise<void> => {
    for (let i = 0; isOn; i++) {
      const pipeline = client.pipeline();
      pipeline.incr('counter');
      pipeline.rpush(`queue:${writer}`, i).lpop(`queue:${writer}`, 1 + (i % 2));
      pipeline.hincrby('hash:1', `field ${i % 50}`, i);
      pipeline.sadd('set:3', `new ${i % 500}`).spop('set:3');
      pipeline.zincrby('sorted:1', 1, `member ${i % 40}`);
      pipeline.xadd(`stream:${writer}`, 'MAXLEN', '~', 1000, '*', 'i', i);
      pipeline.set(`written:${writer}:${i % 1000}`, 'x'.repeat(i % 300), 'PX', 3_600_000 + i);
      pipeline.call('MULTI').incr('in-transaction').append('appended', 'y').call('EXEC');
      pipeline.del(`string:${i % 300}`).set(`string:${(i * 7) % 300}`, i);
      pipeline.eval(
        "redis.call('INCR', KEYS[1]) redis.call('SADD', KEYS[2], ARGV[1])",
        2,
        's',
        't',
        i % 9,
      );
      pipeline.setrange('bits:1', i % 400, 'z').pfadd('log:1', `${writer} ${i}`);
      await pipeline.exec();
      rounds++;
    }
  };
  const writers = [0, 1, 2].map(write);
  return async () => {
    isOn = false;
    await Promise.all(writers);
    return rounds;
  };
}

export async function assertCopy(
  bed: Bed,
  recording: Recording,
  { position }: Joined,
): Promise<void> {
  const reference = await recording.stateAt(position);
  assert.equal(await bed.newcomerEngine.digest(), await reference.digest());
  for (const key of ['expiring:7', 'written:1:1', 'expiring:299']) {
    assert.equal(
      await bed.newcomerEngine.client.pexpiretime(key),
      await reference.client.pexpiretime(key),
    );
  }
  assert.equal(await bed.newcomerEngine.client.fcall('one', 0), 1);
}

export const codeOf = (error: unknown): string =>
  error instanceof OperatorError ? error.code : String(error);
