// Starts one replicator process for a member: detached, its log in a file, found again by its pid
// and the path of its settings.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';
import { OperatorError } from '../base/errors.ts';
import type { KnownProcess } from '../engine/pid.ts';
import type { replicatorConfigSchema } from '../replicator/config.ts';

export type ReplicatorSettings = z.input<typeof replicatorConfigSchema>;

export interface StartedReplicator {
  readonly process: KnownProcess;
  /** Resolves when it ends, to an error that says why as far as its log tells. */
  readonly ended: Promise<OperatorError>;
}

const LOG_TAIL_BYTES = 4_096;

export function writeReplicatorSettings(dir: string, settings: ReplicatorSettings): void {
  writeFileSync(settingsFile(dir), `${JSON.stringify(settings, null, 2)}\n`, { mode: 0o600 });
}

/** Starts `script --config <dir>/replicator.json`. */
export function startReplicator(script: string, dir: string): StartedReplicator {
  const logFile = join(dir, 'replicator.log');
  const log = openSync(logFile, 'a', 0o600);
  const logStart = statSync(logFile).size;
  let child: ChildProcess;
  try {
    child = spawn(process.execPath, nodeArguments(script, '--config', settingsFile(dir)), {
      cwd: dir,
      detached: true,
      stdio: ['ignore', log, log],
    });
  } finally {
    closeSync(log);
  }
  child.unref();
  const ended = new Promise<OperatorError>((resolve) => {
    child.once('error', (error) => resolve(endedError(dir, error.message)));
    child.once('exit', (code, signal) => {
      const tail = logTail(logFile, logStart);
      resolve(endedError(dir, tail === '' ? `it ended with ${signal ?? `code ${code}`}` : tail));
    });
  });
  return { process: replicatorProcess(child.pid ?? 0, dir), ended };
}

export function replicatorProcess(pid: number, dir: string): KnownProcess {
  return { pid, marker: `--config ${settingsFile(dir)}` };
}

/** Arguments for Node to run a TypeScript file of this project without warnings about it. */
export function nodeArguments(script: string, ...args: readonly string[]): string[] {
  return ['--disable-warning=ExperimentalWarning', script, ...args];
}

function settingsFile(dir: string): string {
  return join(dir, 'replicator.json');
}

function endedError(dir: string, why: string): OperatorError {
  return new OperatorError(
    'REPLICATOR_ENDED',
    `the replicator in ${dir} ended: ${why}`,
    'Correct what it says, and start again.',
  );
}

/** What it said last that explains an end: the message of a JSON line, else the last line on an error. */
function logTail(file: string, start: number): string {
  // A group that is taken down may take its log along before its replicator has ended.
  if (!existsSync(file)) return '';
  const text = readFileSync(file).subarray(start).subarray(-LOG_TAIL_BYTES).toString('utf8');
  const lines = text.trim().split('\n');
  const messages = lines.flatMap((line) => messageOf(line) ?? []);
  const errors = lines.filter((line) => /^\S*error\b/i.test(line));
  return errors.at(-1) ?? messages.at(-1) ?? lines.at(-1) ?? '';
}

function messageOf(line: string): string | null {
  try {
    const record: unknown = JSON.parse(line);
    const isMessage = typeof record === 'object' && record !== null && 'msg' in record;
    return isMessage ? String(record.msg) : null;
  } catch {
    return null;
  }
}
