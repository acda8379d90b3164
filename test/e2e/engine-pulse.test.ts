// What real engines answer to those who ask whether they answer at all, when they hang, and when clients only think so.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { REPLICATOR_USER } from '../../src/engine/acl.ts';
import { connectEngine, type EngineEndpoint, infoField } from '../../src/engine/client.ts';
import { findEngine } from '../../src/engine/find.ts';
import { type RunningEngine, startEngine, stopEngine } from '../../src/engine/process.ts';
import { EnginePulse } from '../../src/engine/pulse.ts';
import { freePorts } from '../../src/group/ports.ts';

const SILENT_MS = 300;

let dir = '';
let engine: RunningEngine;
let endpoint: EngineEndpoint;
let admin: Redis;
let pulse: EnginePulse;
let heard: number;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'atoll-pulse-'));
  const [port = 0] = await freePorts(1);
  const users = { clientPassword: null, replicatorPassword: 'password' };
  engine = await startEngine({ binary: await findEngine({}), dir, port, users });
  endpoint = { host: engine.host, port, username: REPLICATOR_USER, password: 'password' };
  admin = await connectEngine(endpoint);
  heard = 0;
  pulse = new EnginePulse(endpoint, () => {
    heard++;
  });
});
afterEach(async () => {
  pulse.end();
  admin.disconnect();
  await stopEngine(engine.process.pid, dir);
  rmSync(dir, { recursive: true });
});

async function untilHeard(): Promise<void> {
  const deadlineMs = performance.now() + 10_000;
  while (heard === 0) {
    assert.ok(performance.now() < deadlineMs, 'nothing was heard');
    pulse.ask();
    await delay(5);
  }
}

async function assertSilent(): Promise<void> {
  pulse.ask();
  await delay(SILENT_MS);
  assert.equal(heard, 0);
  assert.equal(pulse.isWaiting, true);
}

test('an engine tells how far its stream has come', async () => {
  while (pulse.knownEnd === null) {
    heard = 0;
    await untilHeard();
  }
  const info = await admin.info('replication');
  assert.equal(infoField(info, 'master_replid'), pulse.knownEnd.replicationId);
});

test('one that is stopped says nothing, however it is asked, until it goes on', async () => {
  await untilHeard();
  heard = 0;
  process.kill(engine.process.pid, 'SIGSTOP');
  pulse.askOtherwise();
  await assertSilent();
  process.kill(engine.process.pid, 'SIGCONT');
  await untilHeard();
});

test('one that holds its clients answers what it refuses', async () => {
  await admin.call('CLIENT', 'PAUSE', '60000', 'ALL');
  await assertSilent();
  pulse.askOtherwise();
  await untilHeard();
});

test('one in a script that takes long says that it is busy', async () => {
  await admin.config('SET', 'lua-time-limit', '50');
  const endless = await connectEngine(endpoint);
  const script = endless.eval('while true do end', 0).catch((error: Error) => error.message);
  await untilHeard();
  await admin.call('SCRIPT', 'KILL');
  assert.match(String(await script), /killed/i);
  endless.disconnect();
});
