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
  readonly ended: Promise<ReplicatorEnded>;
}

/** Why a replicator ended. */
export class ReplicatorEnded extends OperatorError {
  /** The code of the error that it named last, if it named one. */
  readonly reason: string | null;

  constructor(dir: string, why: string, reason: string | null) {
    super(
      'REPLICATOR_ENDED',
      `the replicator in ${dir} ended: ${why}`,
      'Correct what it says, and start again.',
    );
    this.reason = reason;
  }
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
  const ended = new Promise<ReplicatorEnded>((resolve) => {
    child.once('error', (error) => resolve(new ReplicatorEnded(dir, error.message, null)));
    child.once('exit', (code, signal) => {
      const { why, reason } = logTail(logFile, logStart);
      const said = why === '' ? `it ended with ${signal ?? `code ${code}`}` : why;
      resolve(new ReplicatorEnded(dir, said, reason));
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

/** What it said last that explains an end: the message of a JSON line, else the last line on an error. */
function logTail(file: string, start: number): { why: string; reason: string | null } {
  // A group that is taken down may take its log along before its replicator has ended.
  if (!existsSync(file)) return { why: '', reason: null };
  const text = readFileSync(file).subarray(start).subarray(-LOG_TAIL_BYTES).toString('utf8');
  const lines = text.trim().split('\n');
  const records = lines.flatMap((line) => recordOf(line) ?? []);
  const errors = lines.filter((line) => /^\S*error\b/i.test(line));
  const why = errors.at(-1) ?? records.at(-1)?.msg ?? lines.at(-1) ?? '';
  return { why, reason: records.at(-1)?.code ?? null };
}

function recordOf(line: string): { msg: string; code: string | null } | null {
  try {
    const record: unknown = JSON.parse(line);
    if (typeof record !== 'object' || record === null || !('msg' in record)) return null;
    return { msg: String(record.msg), code: 'code' in record ? String(record.code) : null };
  } catch {
    return null;
  }
}
