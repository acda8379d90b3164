// Starts, adopts and stops one engine process.
//
// Engines are detached: they have their own process group, outlive whoever started them, and are
// found again by pid and configuration file. Starting returns when the engine answers, or throws an
// OperatorError that says why it does not; then nothing is left running.

import { type ChildProcess, spawn } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { OperatorError } from '../base/errors.ts';
import { ALLOWED_WHERE_KNOWN } from '../commands/server.ts';
import { type EngineUsers, REPLICATOR_USER, renderEngineUsers, unboundUsers } from './acl.ts';
import { allowWhereKnown } from './allow-known.ts';
import { connectEngine, type EngineEndpoint, infoField } from './client.ts';
import type { EngineBinary } from './find.ts';
import { isRunning, type KnownProcess, stopProcess } from './pid.ts';
import { ENGINE_DEFAULTS, type EngineSettings, renderEngineSettings } from './settings.ts';

export interface EngineLaunch {
  readonly binary: EngineBinary;
  /** Absolute path; engine.conf, users.acl and engine.log are written here. */
  readonly dir: string;
  readonly port: number;
  readonly users: EngineUsers;
  /** Clients are refused until `setClientAccess` lets them in; default: they are not. */
  readonly refusesClients?: boolean;
  readonly settings?: Partial<Omit<EngineSettings, 'port' | 'dir' | 'aclFile'>>;
}

export interface RunningEngine {
  readonly process: KnownProcess;
  readonly host: string;
  readonly port: number;
  readonly version: string;
}

const READY_TIMEOUT_MS = 10_000;
const POLL_MS = 15;
const STOP_GRACE_MS = 5_000;

/** Writes configuration and users and starts the engine; resolves when it answers. */
export async function startEngine(launch: EngineLaunch): Promise<RunningEngine> {
  const endpoint = writeEngineFiles(launch);
  const logFile = join(launch.dir, 'engine.log');
  const log = openSync(logFile, 'a', 0o600);
  const logStart = statSync(logFile).size;
  const marker = configurationFile(launch.dir);
  let child: ChildProcess;
  try {
    child = spawn(launch.binary.path, [marker], {
      cwd: launch.dir,
      detached: true,
      stdio: ['ignore', log, log],
    });
  } finally {
    closeSync(log);
  }
  const gone = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(`it ended with ${signal ?? `code ${code}`}`));
  });
  child.unref();
  const known = { pid: child.pid ?? 0, marker };
  try {
    const version = await waitUntilReady(endpoint, known.pid, gone);
    if (launch.refusesClients !== true) {
      await allowWhereKnown(endpoint, ALLOWED_WHERE_KNOWN, unboundUsers(launch.users));
    }
    return { process: known, host: endpoint.host, port: launch.port, version };
  } catch (error) {
    await stopProcess(known, STOP_GRACE_MS);
    const why = error instanceof Error ? error.message : String(error);
    throw startError(launch, why, readFileSync(logFile, 'utf8').slice(logStart));
  }
}

/** The engine that was started earlier with this pid in this folder, if it still runs and answers. */
export async function adoptEngine(
  pid: number,
  launch: Pick<EngineLaunch, 'dir' | 'port' | 'users' | 'settings'>,
): Promise<RunningEngine | null> {
  const known = engineProcess(pid, launch.dir);
  if (!isRunning(known)) return null;
  const endpoint = replicatorEndpoint(launch);
  try {
    const version = await askVersion(endpoint, pid);
    return { process: known, host: endpoint.host, port: launch.port, version };
  } catch {
    return null;
  }
}

export async function stopEngine(pid: number, dir: string): Promise<void> {
  await stopProcess(engineProcess(pid, dir), STOP_GRACE_MS);
}

/** The identity of an engine process: nothing else has this file in its command line. */
export function engineProcess(pid: number, dir: string): KnownProcess {
  return { pid, marker: configurationFile(dir) };
}

function configurationFile(dir: string): string {
  return join(dir, 'engine.conf');
}

function replicatorEndpoint(launch: Pick<EngineLaunch, 'port' | 'users' | 'settings'>) {
  return {
    host: launch.settings?.bind ?? ENGINE_DEFAULTS.bind,
    port: launch.port,
    username: REPLICATOR_USER,
    password: launch.users.replicatorPassword,
  };
}

function writeEngineFiles(launch: EngineLaunch): EngineEndpoint {
  mkdirSync(launch.dir, { recursive: true, mode: 0o700 });
  const aclFile = join(launch.dir, 'users.acl');
  const settings: EngineSettings = {
    ...ENGINE_DEFAULTS,
    ...launch.settings,
    port: launch.port,
    dir: launch.dir,
    aclFile,
  };
  // What an engine was filled from when it died: the next one begins empty.
  rmSync(join(launch.dir, 'dump.rdb'), { force: true });
  const clients = launch.refusesClients === true ? 'none' : 'all';
  writeFileSync(aclFile, renderEngineUsers(launch.users, clients), { mode: 0o600 });
  writeFileSync(configurationFile(launch.dir), renderEngineSettings(settings), { mode: 0o600 });
  return replicatorEndpoint(launch);
}

async function waitUntilReady(
  endpoint: EngineEndpoint,
  pid: number,
  gone: Promise<string>,
): Promise<string> {
  let ended: string | null = null;
  // Somebody else may listen there who accepts connections and answers nothing.
  const given = new AbortController();
  const { signal } = given;
  void gone.then((reason) => {
    ended = reason;
    given.abort();
  });
  const deadlineMs = performance.now() + READY_TIMEOUT_MS;
  let last = 'it does not answer';
  while (performance.now() < deadlineMs) {
    await Promise.race([gone, delay(POLL_MS)]);
    if (ended !== null) throw new Error(ended);
    try {
      const limit = AbortSignal.timeout(Math.ceil(Math.max(1, deadlineMs - performance.now())));
      return await askVersion(endpoint, pid, AbortSignal.any([signal, limit]));
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
  }
  throw new Error(`not ready after ${READY_TIMEOUT_MS / 1000} s: ${last}`);
}

/** Asks who listens; throws when it is another process than `pid`. */
async function askVersion(
  endpoint: EngineEndpoint,
  pid: number,
  signal?: AbortSignal,
): Promise<string> {
  const client = await connectEngine(endpoint, signal);
  try {
    const info = await client.info('server');
    if (infoField(info, 'process_id') !== String(pid)) {
      throw new Error(`another server listens on port ${endpoint.port}`);
    }
    return infoField(info, 'valkey_version') ?? infoField(info, 'redis_version') ?? 'unknown';
  } finally {
    client.disconnect();
  }
}

function startError(launch: EngineLaunch, why: string, log: string): OperatorError {
  if (/address already in use/i.test(log)) {
    return new OperatorError(
      'PORT_IN_USE',
      `engine not started: port ${launch.port} is in use`,
      `Stop the process that listens on port ${launch.port}, or choose another port.`,
    );
  }
  const tail = log.trim().split('\n').slice(-3).join(' | ');
  return new OperatorError(
    'ENGINE_NOT_STARTED',
    `engine ${launch.binary.path} not started: ${why}${tail === '' ? '' : ` (${tail})`}`,
    'Correct what the engine says, and start again.',
  );
}
