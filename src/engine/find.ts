// Finds the engine to run: the one asked for (--engine, ATOLL_ENGINE), else valkey-server or
// redis-server on PATH, and makes sure that its version has what the replicator needs.

import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { OperatorError } from '../base/errors.ts';

export type EngineKind = 'redis' | 'valkey';

export interface EngineBinary {
  readonly path: string;
  readonly kind: EngineKind;
  /** As the binary itself says, e.g. 7.0.15. */
  readonly version: string;
}

/** Sharded pub/sub (the fences) came with Redis 7.0; Valkey began as 7.2. */
const OLDEST: Record<EngineKind, readonly [number, number]> = { redis: [7, 0], valkey: [7, 2] };
const BINARY_NAMES = ['valkey-server', 'redis-server'];
const INSTALL_ACTION =
  'Install Redis 7.0 or newer or Valkey 7.2 or newer, or name one with --engine PATH or ATOLL_ENGINE.';

export interface EngineSearch {
  /** A path or a name on PATH; when given, nothing else is tried. */
  readonly engine?: string | undefined;
  readonly environment?: NodeJS.ProcessEnv;
}

/** The engine to start. Throws an OperatorError when there is none, or none that is new enough. */
export async function findEngine(search: EngineSearch = {}): Promise<EngineBinary> {
  const environment = search.environment ?? process.env;
  const asked = search.engine || environment.ATOLL_ENGINE;
  const names = asked ? [asked] : BINARY_NAMES;
  const paths = names.flatMap((name) => locate(name, environment.PATH ?? '') ?? []);
  if (paths.length === 0) {
    const what = asked ? `no engine at ${asked}` : 'no valkey-server or redis-server on PATH';
    throw new OperatorError('ENGINE_NOT_FOUND', what, INSTALL_ACTION);
  }
  const tooOld: EngineBinary[] = [];
  for (const path of paths) {
    const binary = await identify(path);
    if (isNewEnough(binary)) return binary;
    tooOld.push(binary);
  }
  const found = tooOld.map((binary) => `${binary.path} is ${binary.kind} ${binary.version}`);
  throw new OperatorError('ENGINE_TOO_OLD', `engine too old: ${found.join(', ')}`, INSTALL_ACTION);
}

/** Reads the answer of `<binary> --version`; null when it is not that of a known engine. */
export function parseEngineVersion(
  output: string,
  path: string,
): { kind: EngineKind; version: string } | null {
  const match = /(?:^|\b(\w+) )server v=(\d+\.\d+(?:\.\d+)?)/i.exec(output);
  if (match === null) return null;
  const name = (match[1] ?? path.slice(path.lastIndexOf('/') + 1)).toLowerCase();
  const kind = name.startsWith('valkey') ? 'valkey' : name.startsWith('redis') ? 'redis' : null;
  return kind === null ? null : { kind, version: match[2] ?? '' };
}

export function isNewEnough(engine: { kind: EngineKind; version: string }): boolean {
  const [major = 0, minor = 0] = engine.version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST[engine.kind];
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
}

async function identify(path: string): Promise<EngineBinary> {
  let output = '';
  try {
    const result = await promisify(execFile)(path, ['--version'], { timeout: 5_000 });
    output = result.stdout;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new OperatorError('ENGINE_NOT_RUNNABLE', `cannot run ${path}: ${why}`, INSTALL_ACTION);
  }
  const parsed = parseEngineVersion(output, path);
  if (parsed === null) {
    const says = output.trim().split('\n')[0]?.slice(0, 80);
    const message = `${path} is not a Redis or Valkey server: it says "${says}"`;
    throw new OperatorError('ENGINE_UNKNOWN', message, INSTALL_ACTION);
  }
  return { path, ...parsed };
}

function locate(name: string, searchPath: string): string | null {
  if (name.includes('/')) return isExecutable(resolve(name)) ? resolve(name) : null;
  const folders = searchPath.split(delimiter).filter((folder) => folder !== '');
  const paths = folders.map((folder) => join(folder, name));
  return paths.find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
