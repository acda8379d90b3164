import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Redis } from 'ioredis';
import { OperatorError } from '../../src/base/errors.ts';
import { DENIED_ROWS } from '../../src/commands/registry.ts';
import { REPLICATOR_USER } from '../../src/engine/acl.ts';
import { allowWhereKnown } from '../../src/engine/allow-known.ts';
import { connectEngine } from '../../src/engine/client.ts';
import { checkEmptyEngine } from '../../src/engine/empty.ts';
import { type EngineBinary, findEngine } from '../../src/engine/find.ts';
import { isRunning } from '../../src/engine/pid.ts';
import {
  adoptEngine,
  type EngineLaunch,
  type RunningEngine,
  startEngine,
  stopEngine,
} from '../../src/engine/process.ts';
import { freePorts } from '../../src/group/ports.ts';

const PASSWORD = 'replicator-password';
const USERS = { clientPassword: null, replicatorPassword: PASSWORD };

/** A complete call of each denied command, so that only the users file can refuse it. */
const DENIED_CALLS: Record<string, readonly string[]> = {
  FLUSHALL: ['FLUSHALL', 'FLUSHALL ASYNC'],
  FLUSHDB: ['FLUSHDB'],
  SWAPDB: ['SWAPDB 0 1', 'SWAPDB 0 0'],
  REPLICAOF: ['REPLICAOF NO ONE', 'REPLICAOF 127.0.0.1 1'],
  SLAVEOF: ['SLAVEOF 127.0.0.1 1'],
  FAILOVER: ['FAILOVER', 'FAILOVER ABORT'],
  PSYNC: ['PSYNC ? -1'],
  SYNC: ['SYNC'],
  REPLCONF: ['REPLCONF listening-port 1'],
  CONFIG: [
    'CONFIG SET maxmemory 1',
    'CONFIG SET appendonly yes',
    'CONFIG REWRITE',
    'CONFIG RESETSTAT',
  ],
  DEBUG: ['DEBUG SLEEP 0', 'DEBUG SEGFAULT', 'DEBUG POPULATE 3', 'DEBUG RELOAD'],
  SHUTDOWN: ['SHUTDOWN NOSAVE', 'SHUTDOWN'],
  MODULE: ['MODULE LOAD /tmp/x.so', 'MODULE LOADEX /tmp/x.so', 'MODULE UNLOAD x'],
  ACL: [
    'ACL LIST',
    'ACL SETUSER default +@all',
    'ACL DELUSER x',
    'ACL LOAD',
    'ACL GETUSER default',
  ],
  SAVE: ['SAVE'],
  BGSAVE: ['BGSAVE', 'BGSAVE SCHEDULE'],
  BGREWRITEAOF: ['BGREWRITEAOF'],
  MIGRATE: ['MIGRATE 127.0.0.1 1 k 0 10', 'MIGRATE 127.0.0.1 1 k 0 10 COPY REPLACE'],
  'RESTORE-ASKING': ['RESTORE-ASKING k 0 x'],
  CLUSTER: [
    'CLUSTER RESET',
    'CLUSTER MEET 127.0.0.1 1',
    'CLUSTER FAILOVER',
    'CLUSTER ADDSLOTS 1',
    'CLUSTER DELSLOTS 1',
    'CLUSTER SETSLOT 1 STABLE',
    'CLUSTER FLUSHSLOTS',
    'CLUSTER FORGET x',
    'CLUSTER REPLICATE x',
    'CLUSTER BUMPEPOCH',
    'CLUSTER SAVECONFIG',
  ],
  PFDEBUG: ['PFDEBUG ENCODING k', 'PFDEBUG TODENSE k'],
  PFSELFTEST: ['PFSELFTEST'],
  'CLIENT PAUSE': ['CLIENT PAUSE 1', 'CLIENT PAUSE 1 WRITE'],
  'CLIENT UNPAUSE': ['CLIENT UNPAUSE'],
  'SCRIPT DEBUG': ['SCRIPT DEBUG SYNC', 'SCRIPT DEBUG YES'],
};

/** With one database nothing needs to deny these. */
const OUT_OF_RANGE_CALLS = ['SELECT 1', 'MOVE k 1', 'COPY k k2 DB 1', 'SELECT -1'];

/** What `DUMP` gives for a string on the oldest engine that can be used. */
const DUMPED_VALUE = Buffer.from('0001760a009108ceb219388ace', 'hex');

const ALLOWED_CALLS: readonly (readonly [string, ...(string | Buffer)[]])[] = [
  ['EVAL', 'return redis.call("SET", KEYS[1], "1")', '1', 'k'],
  ['FUNCTION', 'LOAD', '#!lua name=l\nredis.register_function("f", function() return 1 end)'],
  ['FCALL', 'f', '0'],
  ['FUNCTION', 'DELETE', 'l'],
  ['SCRIPT', 'LOAD', 'return 1'],
  ['CLIENT', 'SETNAME', 'me'],
  ['CLIENT', 'LIST'],
  ['CLIENT', 'ID'],
  ['CONFIG', 'GET', 'maxmemory'],
  ['INFO'],
  ['MULTI'],
  ['SET', 'k', 'v', 'EX', '100'],
  ['EXEC'],
  ['WATCH', 'k'],
  ['UNWATCH'],
  ['KEYS', '*'],
  ['SCAN', '0'],
  ['SORT', 'list'],
  ['PUBLISH', 'channel', 'x'],
  ['SPUBLISH', 'channel', 'x'],
  ['OBJECT', 'ENCODING', 'k'],
  ['MEMORY', 'USAGE', 'k'],
  ['SLOWLOG', 'GET'],
  ['LATENCY', 'LATEST'],
  ['ROLE'],
  ['ACL', 'WHOAMI'],
  ['ACL', 'CAT'],
  ['MODULE', 'LIST'],
  ['LASTSAVE'],
  ['SELECT', '0'],
  ['SORT_RO', 'list'],
  ['RESTORE', 'r', '0', DUMPED_VALUE],
  ['WAIT', '0', '1'],
  ['COMMAND', 'COUNT'],
  ['DUMP', 'k'],
  ['UNLINK', 'k'],
  ['SUBSCRIBE', 'channel'],
];

describe('engine', () => {
  let dir = '';
  let binary: EngineBinary;
  let launch: EngineLaunch;
  let engine: RunningEngine;
  let client: Redis;

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'atoll engine-'));
    binary = await findEngine();
    const [port = 0] = await freePorts(1);
    launch = { binary, dir: join(dir, 'one'), port, users: USERS };
    engine = await startEngine(launch);
    client = await connectEngine(engine);
  });
  after(async () => {
    client.disconnect();
    await stopEngine(engine.process.pid, launch.dir);
    assert.ok(!isRunning(engine.process));
    rmSync(dir, { recursive: true });
  });

  test('clients are denied every dangerous command', async () => {
    await client.call('SET', 'k', 'v');
    for (const { names, since } of DENIED_ROWS) {
      for (const denied of since === undefined ? names : []) {
        const calls = DENIED_CALLS[denied];
        assert.ok(calls, `no call to try for ${denied}`);
        for (const call of calls) await assert.rejects(run(client, call), REFUSAL, call);
      }
    }
    assert.equal(await client.call('GET', 'k'), 'v');
  });

  test('nor can they run it in a script, a function or a transaction', async () => {
    const own = await connectEngine(engine);
    const body = 'return redis.call("FLUSHALL")';
    const library = `#!lua name=f\nredis.register_function("flush", function() ${body} end)`;
    try {
      await own.call('FUNCTION', 'LOAD', library);
      const refusal = /can't run this command|NOPERM|permission/;
      await assert.rejects(own.call('EVAL', body, '0'), refusal);
      await assert.rejects(own.call('FCALL', 'flush', '0'), refusal);
      await own.call('FUNCTION', 'DELETE', 'f');
      await own.call('MULTI');
      await assert.rejects(own.call('FLUSHALL'), /NOPERM/);
      await assert.rejects(own.call('EXEC'), /EXECABORT/);
    } finally {
      own.disconnect();
    }
  });

  test('there is one database', async () => {
    await client.call('SET', 'k', 'v');
    for (const call of OUT_OF_RANGE_CALLS) {
      await assert.rejects(run(client, call), /out of range/, call);
    }
    await assert.rejects(client.call('MOVE', 'k', '0'), /same/);
  });

  test('what only some engines have is allowed where it is', async () => {
    const admin = { ...engine, username: REPLICATOR_USER, password: PASSWORD };
    await assert.rejects(run(client, 'FAILOVER ABORT'), /NOPERM/);
    assert.deepEqual(await allowWhereKnown(admin, ['NO.SUCH', 'FAILOVER', 'FT._NONE']), [
      'FAILOVER',
    ]);
    await assert.rejects(run(client, 'FAILOVER ABORT'), /No failover in progress/);
    assert.deepEqual(await allowWhereKnown(admin, ['NO.SUCH']), []);
  });

  test('clients keep everything else', async () => {
    const own = await connectEngine(engine);
    try {
      for (const [name, ...args] of ALLOWED_CALLS) await own.call(name, ...args);
    } finally {
      own.disconnect();
    }
  });

  test('the replicator may do everything, with its password', async () => {
    const credentials = { username: REPLICATOR_USER, password: PASSWORD };
    const replicator = await connectEngine({ ...engine, ...credentials });
    assert.equal(await replicator.call('ACL', 'WHOAMI'), REPLICATOR_USER);
    await replicator.call('FLUSHALL');
    replicator.disconnect();
    await assert.rejects(
      connectEngine({ ...engine, ...credentials, password: 'wrong' }),
      /WRONGPASS/,
    );
  });

  test('an engine that runs is found again by its pid', async () => {
    const adopted = await adoptEngine(engine.process.pid, launch);
    assert.deepEqual(adopted, engine);
    assert.equal(await adoptEngine(process.pid, launch), null);
  });

  test('a port in use is named', async () => {
    const second = { ...launch, dir: join(dir, 'two') };
    await assert.rejects(startEngine(second), (error) => {
      assert.ok(error instanceof OperatorError);
      assert.equal(error.code, 'PORT_IN_USE');
      assert.match(error.message, new RegExp(`${launch.port}`));
      return true;
    });
  });

  test('a port where something else listens is named', async () => {
    const listener = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const address = listener.address();
    assert.ok(typeof address === 'object' && address !== null);
    const third = { ...launch, port: address.port, dir: join(dir, 'three') };
    await assert.rejects(startEngine(third), { code: 'PORT_IN_USE' });
    listener.close();
  });

  test('an engine that is too old, missing or something else is refused', async () => {
    const old = join(dir, 'old-server');
    writeFileSync(old, '#!/bin/sh\necho "Redis server v=6.2.14 sha=00000000:0"\n');
    chmodSync(old, 0o755);
    await assert.rejects(findEngine({ engine: old }), (error) => {
      assert.ok(error instanceof OperatorError);
      assert.equal(error.code, 'ENGINE_TOO_OLD');
      assert.match(error.message, /6\.2\.14/);
      return true;
    });
    await assert.rejects(findEngine({ engine: '/bin/ls' }), { code: 'ENGINE_UNKNOWN' });
    await assert.rejects(findEngine({ engine: join(dir, 'none') }), { code: 'ENGINE_NOT_FOUND' });
    const environment = { PATH: dir };
    await assert.rejects(findEngine({ environment }), { code: 'ENGINE_NOT_FOUND' });
  });

  test('an empty engine may join, one with data may not', async () => {
    const credentials = { username: REPLICATOR_USER, password: PASSWORD };
    const admin = await connectEngine({ ...engine, ...credentials });
    await admin.call('FLUSHALL');
    await checkEmptyEngine(engine);
    await admin.call('SET', 'k', 'v');
    await assert.rejects(checkEmptyEngine(engine), { code: 'ENGINE_NOT_EMPTY' });
    await admin.call('DEL', 'k');
    await admin.call('CONFIG', 'SET', 'appendonly', 'yes');
    await assert.rejects(checkEmptyEngine(engine), { code: 'ENGINE_PERSISTENT' });
    await admin.call('CONFIG', 'SET', 'appendonly', 'no');
    await admin.call('REPLICAOF', '127.0.0.1', '1');
    await assert.rejects(checkEmptyEngine(engine), { code: 'ENGINE_IS_REPLICA' });
    await admin.call('REPLICAOF', 'NO', 'ONE');
    admin.disconnect();
    const unreachable = { host: '127.0.0.1', port: (await freePorts(1))[0] ?? 0 };
    await assert.rejects(checkEmptyEngine(unreachable), { code: 'ENGINE_UNREACHABLE' });
  });

  test('an engine with the usual sixteen databases may not join', async () => {
    const [port = 0] = await freePorts(1);
    const stock = spawn(binary.path, ['--port', String(port), '--save', ''], { cwd: dir });
    try {
      await untilListening(stock);
      const error = { code: 'ENGINE_DATABASES' };
      await assert.rejects(checkEmptyEngine({ host: '127.0.0.1', port }), error);
    } finally {
      const ended = new Promise((resolve) => stock.once('exit', resolve));
      stock.kill('SIGKILL');
      await ended;
    }
  });
});

/** DEBUG and MODULE are switched off in the engine's settings as well, which is asked first. */
const REFUSAL = /NOPERM|command not allowed/;

function run(client: Redis, call: string): Promise<unknown> {
  const [name = '', ...args] = call.split(' ');
  return client.call(name, ...args);
}

function untilListening(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('exit', () => reject(new Error('the server ended')));
    server.stdout?.on('data', (text) => {
      if (String(text).includes('Ready to accept connections')) resolve();
    });
  });
}
