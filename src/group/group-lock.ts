// Who may change a group: one process at a time, its supervisor among them. A change of the membership may take
// as long as filling a member takes; starting or stopping processes takes a moment and has a lock of its own, so that
// the supervisor keeps everything running meanwhile. A lock is a file that names its owner; that of an owner who is
// gone is taken over.

import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { OperatorError } from '../base/errors.ts';
import { isRunning, thisProcess } from '../engine/pid.ts';

/** What is locked; `file`: group.json, while it is read and written again. */
export type Lock = 'membership' | 'processes' | 'file';

const ownerSchema = z.strictObject({
  pid: z.int(),
  marker: z.string().min(1),
  /** What it does, for people. */
  doing: z.string(),
});
type Owner = z.infer<typeof ownerSchema>;

const POLL_MS = 50;
const WAIT_MS = 30_000;
const STAND_STILL = new Int32Array(new SharedArrayBuffer(4));
const STAND_STILL_MS = 1;

/** Runs `action` while nobody else changes the group. Throws OperatorError when another does for too long. */
export async function withGroupLock<Result>(
  dir: string,
  what: Lock,
  doing: string,
  action: () => Promise<Result>,
  waitMs: number = WAIT_MS,
): Promise<Result> {
  const deadlineMs = performance.now() + waitMs;
  while (!tryLock(dir, what, doing)) {
    if (performance.now() > deadlineMs) throw busy(dir, ownerOf(dir, what));
    await delay(POLL_MS);
  }
  try {
    return await action();
  } finally {
    rmSync(lockFile(dir, what), { force: true });
  }
}

/**
 * For changes that take less than a moment: stands still, with the whole process, until nobody else changes the same.
 * Throws OperatorError when another does for too long.
 */
export function withGroupLockSync<Result>(
  dir: string,
  what: Lock,
  doing: string,
  action: () => Result,
): Result {
  const deadlineMs = performance.now() + WAIT_MS;
  while (!tryLock(dir, what, doing)) {
    if (performance.now() > deadlineMs) throw busy(dir, ownerOf(dir, what));
    Atomics.wait(STAND_STILL, 0, 0, STAND_STILL_MS);
  }
  try {
    return action();
  } finally {
    rmSync(lockFile(dir, what), { force: true });
  }
}

/** As `withGroupLock`, but does nothing when somebody else has it. Returns whether it ran. */
export async function ifUnlocked(
  dir: string,
  what: Lock,
  doing: string,
  action: () => Promise<void>,
): Promise<boolean> {
  if (!tryLock(dir, what, doing)) return false;
  try {
    await action();
  } finally {
    rmSync(lockFile(dir, what), { force: true });
  }
  return true;
}

export function lockFile(dir: string, what: Lock): string {
  return join(dir, `${what}.lock`);
}

function tryLock(dir: string, what: Lock, doing: string): boolean {
  const text = `${JSON.stringify({ ...thisProcess(), doing } satisfies Owner)}\n`;
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const file = openSync(lockFile(dir, what), 'wx', 0o600);
      writeSync(file, text);
      closeSync(file);
      return true;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
    const owner = ownerOf(dir, what);
    if (owner !== 'gone' && (owner === 'unreadable' || isRunning(owner))) return false;
    rmSync(lockFile(dir, what), { force: true });
  }
  return false;
}

/** `unreadable`: it is just being written. */
function ownerOf(dir: string, what: Lock): Owner | 'gone' | 'unreadable' {
  let text: string;
  try {
    text = readFileSync(lockFile(dir, what), 'utf8');
  } catch {
    return 'gone';
  }
  try {
    return ownerSchema.parse(JSON.parse(text));
  } catch {
    return 'unreadable';
  }
}

function busy(dir: string, owner: Owner | 'gone' | 'unreadable'): OperatorError {
  const who = typeof owner === 'string' ? 'another process' : `process ${owner.pid}`;
  const what = typeof owner === 'string' ? 'changes it' : owner.doing;
  return new OperatorError(
    'GROUP_BUSY',
    `the group in ${dir} is being changed: ${who}: ${what}`,
    `Wait until that is done, or end that process; then try again.`,
  );
}
