// A stock engine as a child process, for what the benchmark compares with. It gets the very settings
// that an engine of a group gets, only that its clients may do everything.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { ENGINE_DEFAULTS, renderEngineSettings } from '../../src/engine/settings.ts';
import type { Cleanup } from '../cleanup.ts';
import type { Endpoint } from '../load/messages.ts';

const START_MS_MAX = 10_000;

export interface EngineProcess extends Endpoint {
  pid: number;
  stop(): Promise<void>;
}

/** Starts an engine in a folder of its own under `dir` and waits until it answers. */
export async function startEngine(options: {
  engine: string;
  dir: string;
  name: string;
  /** The primary to follow, if any. */
  primary?: Endpoint;
  cleanup: Cleanup;
}): Promise<EngineProcess> {
  const host = ENGINE_DEFAULTS.bind;
  const port = await freePort();
  const dir = join(options.dir, options.name);
  const configFile = writeSettings({ dir, port, primary: options.primary });
  const logFile = join(dir, 'engine.log');
  const log = openSync(logFile, 'a');
  // Detached: an interrupt from the terminal must reach the benchmark only, which then stops it.
  const child = spawn(options.engine, [configFile], {
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  const exited = once(child, 'exit');
  const forget = options.cleanup.defer(() => stop());
  async function stop(): Promise<void> {
    forget();
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await exited;
  }
  const failed = exited.then(([code]) => {
    throw new Error(`${options.engine} ended with exit code ${code}: see ${logFile}`);
  });
  failed.catch(() => undefined);
  await Promise.race([untilAnswers({ host, port }), failed]);
  if (child.pid === undefined) throw new Error(`${options.engine} did not start`);
  return { host, port, pid: child.pid, stop };
}

function writeSettings(options: {
  dir: string;
  port: number;
  primary: Endpoint | undefined;
}): string {
  const { dir, port, primary } = options;
  mkdirSync(dir, { recursive: true });
  const aclFile = join(dir, 'users.acl');
  writeFileSync(aclFile, 'user default on nopass ~* &* +@all\n');
  const follow = primary === undefined ? '' : `replicaof ${primary.host} ${primary.port}\n`;
  const configFile = join(dir, 'engine.conf');
  const settings = renderEngineSettings({ ...ENGINE_DEFAULTS, port, dir, aclFile });
  writeFileSync(configFile, settings + follow);
  return configFile;
}

async function untilAnswers(endpoint: Endpoint): Promise<void> {
  const client = new Redis({
    ...endpoint,
    retryStrategy: () => 20,
    maxRetriesPerRequest: null,
    connectTimeout: START_MS_MAX,
  });
  client.on('error', () => undefined);
  try {
    await client.ping();
  } finally {
    client.disconnect();
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
