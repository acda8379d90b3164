import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { Redis } from 'ioredis';
import { OperatorError } from '../../src/base/errors.ts';
import { findEngine } from '../../src/engine/find.ts';
import { Capture, type CaptureOptions } from '../../src/replicator/capture/capture.ts';
import type { StreamPosition } from '../../src/replicator/capture/session.ts';
import { Command } from '../../src/resp/command.ts';
import { StreamParser } from '../../src/resp/stream-parser.ts';

const PASSWORD = 'capture-password';
const WAIT_MS_MAX = 15_000;

class Engine {
  port = 0;
  directory = mkdtempSync(join(tmpdir(), 'capture-'));
  client!: Redis;
  #process!: ChildProcess;

  async start(): Promise<this> {
    this.port = await freePort();
    const settings = {
      port: this.port,
      dir: this.directory,
      save: '',
      'repl-backlog-size': '1mb',
      'repl-diskless-sync-delay': 0,
      user: `default on >${PASSWORD} ~* &* +@all`,
      loglevel: 'notice',
    };
    const args = Object.entries(settings).flatMap(([name, value]) => {
      const words = name === 'user' ? String(value).split(' ') : [String(value)];
      return [`--${name}`, ...words];
    });
    this.#process = spawn((await findEngine()).path, args, {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    assert.ok(this.#process.stdout !== null);
    let log = '';
    for await (const line of createInterface({ input: this.#process.stdout })) {
      log += `${line}\n`;
      if (line.includes('Ready to accept connections')) break;
    }
    assert.match(log, /Ready to accept/, log);
    this.#process.stdout.resume();
    this.client = new Redis({ port: this.port, password: PASSWORD });
    return this;
  }

  async stop(): Promise<void> {
    this.client.disconnect();
    if (this.#process.exitCode === null) {
      const exited = once(this.#process, 'exit');
      this.#process.kill('SIGKILL');
      await exited;
    }
    rmSync(this.directory, { recursive: true, force: true });
  }

  async offset(): Promise<number> {
    const role = await this.client.call('ROLE');
    assert.ok(Array.isArray(role));
    return Number(role[1]);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  server.close();
  await once(server, 'close');
  return address.port;
}

/** What a replicator does with a capture: parse, keep the position, acknowledge. */
class Reader {
  commands: string[][] = [];
  position: StreamPosition = { replicationId: '', offset: 0 };
  starts: StreamPosition[] = [];
  lost: string[] = [];
  capture: Capture;
  closed: Promise<Error | undefined>;
  isClosed = false;
  #parser = new StreamParser();
  #command = new Command();
  #waiting: { done: () => boolean; resolve: () => void }[] = [];

  constructor(engine: { port: number }, options: Partial<CaptureOptions> = {}) {
    const { promise, resolve } = Promise.withResolvers<Error | undefined>();
    this.closed = promise;
    this.capture = new Capture({
      host: '127.0.0.1',
      port: engine.port,
      username: 'default',
      password: PASSWORD,
      gatherMs: 1,
      onStart: (position) => {
        this.position = position;
        this.starts.push(position);
        this.#parser = new StreamParser(position.offset);
        this.#check();
      },
      onData: (chunk) => this.#take(chunk),
      onLost: (reason) => this.lost.push(reason),
      onClose: (error) => {
        assert.equal(this.isClosed, false, 'onClose comes once');
        this.isClosed = true;
        resolve(error);
      },
      ...options,
    });
  }

  get started(): Promise<void> {
    return this.until(() => this.starts.length > 0);
  }

  reached(offset: number): Promise<void> {
    return this.until(() => this.position.offset >= offset);
  }

  until(done: () => boolean): Promise<void> {
    if (done()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const give = setTimeout(() => reject(new Error('the stream did not get there')), WAIT_MS_MAX);
      this.#waiting.push({
        done,
        resolve: () => {
          clearTimeout(give);
          resolve();
        },
      });
    });
  }

  async close(): Promise<void> {
    this.capture.close();
    assert.equal(await this.closed, undefined);
  }

  /** The commands that clients wrote. */
  get writes(): string[][] {
    return this.commands.filter(([name]) => name !== 'SELECT' && name !== 'PING');
  }

  #take(chunk: Buffer): void {
    assert.equal(this.isClosed, false);
    this.#parser.feed(chunk);
    const command = this.#command;
    while (this.#parser.next(command)) {
      const args = Array.from({ length: command.argc }, (_, i) => command.arg(i));
      // The name comes as the client wrote it.
      this.commands.push([command.arg(0).toUpperCase(), ...args.slice(1)]);
    }
    this.position.offset = this.#parser.consumed;
    this.capture.acknowledge(this.#parser.consumed);
    this.#check();
  }

  #check(): void {
    this.#waiting = this.#waiting.filter((waiting) => {
      if (!waiting.done()) return true;
      waiting.resolve();
      return false;
    });
  }
}

describe('capture on a real engine', () => {
  let engine: Engine;
  before(async () => {
    engine = await new Engine().start();
  });
  after(() => engine.stop());

  test('a first start brings no data, then every write with its offset', async () => {
    await engine.client.mset(
      Object.fromEntries([...Array(1000).keys()].map((i) => [`old${i}`, i])),
    );
    const reader = new Reader(engine);
    await reader.started;
    const binary = Buffer.from([0, 13, 10, 255, 36]);
    await engine.client.set('binary', binary);
    await engine.client.multi().set('a', '1').incr('n').exec();
    await engine.client.set('big', 'x'.repeat(20_000_000));
    await engine.client.del('big');
    const offset = await engine.offset();
    await reader.reached(offset);
    assert.equal(reader.position.offset, offset);
    const [set, ...rest] = reader.writes;
    assert.deepEqual(set, ['SET', 'binary', binary.toString('latin1')]);
    assert.deepEqual(rest.slice(0, 4), [['MULTI'], ['SET', 'a', '1'], ['INCR', 'n'], ['EXEC']]);
    assert.deepEqual(
      rest.slice(4).map((args) => [args[0], args[1], args[2]?.length]),
      [
        ['SET', 'big', 20_000_000],
        ['DEL', 'big', undefined],
      ],
    );
    await reader.close();
  });

  test('connections killed in the midst of writing: nothing lost, nothing doubled', async () => {
    const total = 40_000;
    const kills = 5;
    let reader = new Reader(engine, { lendChunks: true });
    await reader.started;
    const seen: string[] = [];
    const writer = (async () => {
      for (let i = 0; i < total; i += 100) {
        const pipeline = engine.client.pipeline();
        for (let j = i; j < i + 100; j++) pipeline.set('sequence', `${j}:${'v'.repeat(j % 300)}`);
        await pipeline.exec();
      }
    })();
    for (let kill = 1; kill <= kills; kill++) {
      const due = Math.floor((total / (kills + 1)) * kill);
      await reader.until(() => seen.length + reader.writes.length >= due);
      await engine.client.call('CLIENT', 'KILL', 'TYPE', 'replica');
      const error = await reader.closed;
      assert.ok(error instanceof OperatorError);
      assert.equal(error.code, 'CAPTURE_DISCONNECTED');
      seen.push(...reader.writes.map((args) => args[2] ?? ''));
      reader = new Reader(engine, { resume: { ...reader.position }, lendChunks: true });
      await reader.started;
    }
    await writer;
    const offset = await engine.offset();
    await reader.reached(offset);
    seen.push(...reader.writes.map((args) => args[2] ?? ''));
    assert.equal(seen.length, total);
    for (const [i, value] of seen.entries()) assert.equal(value, `${i}:${'v'.repeat(i % 300)}`);
    await reader.close();
  });

  test('a position that has left the backlog is reported as lost', async () => {
    const first = new Reader(engine);
    await first.started;
    const { position } = first;
    await first.close();
    for (let i = 0; i < 3; i++) await engine.client.set('overrun', 'x'.repeat(1_000_000));
    const second = new Reader(engine, { resume: position });
    assert.equal(await second.closed, undefined);
    assert.equal(second.lost.length, 1);
    assert.match(second.lost[0] ?? '', /no longer has the stream/);
    assert.deepEqual(second.starts, []);
    assert.deepEqual(second.commands, []);
  });

  test('small packets gather before they are read', async () => {
    const eager = new Reader(engine, { gatherMs: 0 });
    const gathering = new Reader(engine, { gatherMs: 5 });
    await Promise.all([eager.started, gathering.started]);
    for (let i = 0; i < 3000; i++) await engine.client.set('packet', i);
    const offset = await engine.offset();
    await Promise.all([eager.reached(offset), gathering.reached(offset)]);
    assert.equal(gathering.writes.length, 3000);
    await Promise.all([eager.close(), gathering.close()]);
    const { reads } = gathering.capture;
    // On a busy machine the kernel gathers by itself: then there is little left to gain.
    const most = Math.max(eager.capture.reads / 3, 50);
    assert.ok(reads <= most, `${reads} reads, ${eager.capture.reads} without gathering`);
  });

  test('whoever waits for an offset need not wait for the gathering', async () => {
    const reader = new Reader(engine, { gatherMs: 600_000 });
    await reader.started;
    for (let i = 0; i < 21; i++) {
      await engine.client.set('next', i);
      const offset = await engine.offset();
      reader.capture.hurry(offset);
      await reader.reached(offset);
    }
    assert.equal(reader.writes.length, 21);
    await reader.close();
  });

  test('nothing is read while paused', async () => {
    const reader = new Reader(engine);
    await reader.started;
    await engine.client.set('before', '1');
    await reader.until(() => reader.writes.length === 1);
    reader.capture.pause();
    const { reads } = reader.capture;
    for (let i = 0; i < 20; i++) await engine.client.set('paused', 'x'.repeat(50_000));
    reader.capture.hurry();
    await engine.client.ping();
    assert.equal(reader.capture.reads, reads);
    reader.capture.resume();
    await reader.reached(await engine.offset());
    assert.equal(reader.writes.length, 21);
    await reader.close();
  });

  test('WAIT is answered as soon as the write has been taken in', async () => {
    const reader = new Reader(engine);
    await reader.started;
    await engine.client.set('first', '1');
    await reader.until(() => reader.writes.length === 1);
    for (let i = 0; i < 10; i++) {
      await engine.client.set('waited', i);
      // Far less than the second between two regular acknowledgements.
      // Another reader's connection may still be about to close.
      assert.ok((await engine.client.wait(1, 500)) >= 1);
    }
    await reader.close();
  });

  test('a promoted standby goes on under a new replication id', async () => {
    const standby = await new Engine().start();
    try {
      const { client } = standby;
      await client.config('SET', 'masterauth', PASSWORD);
      await client.call('REPLICAOF', '127.0.0.1', String(engine.port));
      while (!/master_link_status:up/.test(await client.info('replication'))) {
        await client.ping();
      }
      const before = new Reader(standby);
      await before.started;
      await engine.client.set('on', 'primary');
      await before.until(() => before.writes.length === 1);
      await client.call('REPLICAOF', 'NO', 'ONE');
      assert.ok((await before.closed) instanceof OperatorError);
      await client.set('on', 'promoted');
      const behind = new Reader(standby, { resume: { ...before.position } });
      await behind.until(() => behind.writes.length === 1);
      assert.deepEqual(behind.writes, [['SET', 'on', 'promoted']]);
      assert.notEqual(behind.position.replicationId, before.position.replicationId);
      await behind.close();
    } finally {
      await standby.stop();
    }
  });

  test('a wrong password is named', async () => {
    const reader = new Reader(engine, { password: 'wrong' });
    const error = await reader.closed;
    assert.ok(error instanceof OperatorError);
    assert.equal(error.code, 'CAPTURE_LOGIN_REFUSED');
    assert.match(error.message, /WRONGPASS/);
    assert.match(error.action, /password/);
  });

  test('nobody listens there', async () => {
    const reader = new Reader({ port: await freePort() });
    const error = await reader.closed;
    assert.ok(error instanceof OperatorError);
    assert.equal(error.code, 'CAPTURE_DISCONNECTED');
    assert.match(error.message, /ECONNREFUSED/);
  });

  test('closing at any time ends in one last call', async () => {
    await new Reader(engine).close();
    const reader = new Reader(engine);
    await reader.started;
    await reader.close();
    reader.capture.close();
    reader.capture.resume();
    reader.capture.hurry();
  });
});
