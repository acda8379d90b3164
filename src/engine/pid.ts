// Processes known by a pid that was written down earlier, perhaps by another process. A pid alone
// proves nothing (it may have been given to someone else since), so each is paired with a marker: a
// text that only the right process has in its command line, such as the path of its configuration.

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

export interface KnownProcess {
  readonly pid: number;
  readonly marker: string;
}

const POLL_MS = 20;
const BECOMING_MS_MAX = 200;
/** Among the flags of a process (PF_KTHREAD). */
const KERNEL_THREAD = 0x200000;

/** Whether the process with this pid is there and is the one meant. Zombies count as gone. */
export function isRunning(known: KnownProcess): boolean {
  return known.pid > 0 && commandLine(known.pid).includes(known.marker);
}

/** This very process. Its arguments may differ from its command line: Node makes the script's path absolute. */
export function thisProcess(): KnownProcess {
  return { pid: process.pid, marker: commandLine(process.pid) };
}

/** Every process with `marker` in its command line, though its pid was never written down. */
export function processesWith(marker: string): KnownProcess[] {
  return allPids()
    .map((pid) => ({ pid, marker }))
    .filter((known) => known.pid !== process.pid && isRunning(known));
}

function allPids(): number[] {
  if (process.platform === 'linux') {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  }
  return execFileSync('ps', ['-axo', 'pid='], { encoding: 'utf8' }).trim().split('\n').map(Number);
}

/** Asks the process to end, and after `graceMs` ends it. Returns once it is gone. */
export async function stopProcess(known: KnownProcess, graceMs: number): Promise<void> {
  if (!isRunning(known)) return;
  signal(known.pid, 'SIGTERM');
  // A stopped process takes the request to end only when it runs again.
  signal(known.pid, 'SIGCONT');
  if (await isGoneWithin(known, graceMs)) return;
  signal(known.pid, 'SIGKILL');
  await isGoneWithin(known, graceMs);
}

async function isGoneWithin(known: KnownProcess, timeoutMs: number): Promise<boolean> {
  const deadlineMs = performance.now() + timeoutMs;
  while (isRunning(known)) {
    if (performance.now() > deadlineMs) return false;
    await delay(POLL_MS);
  }
  return true;
}

/** Sends a signal, if the process is there. */
export function signalProcess(known: KnownProcess, name: NodeJS.Signals): void {
  if (isRunning(known)) signal(known.pid, name);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone between the check and the signal: what was wanted.
  }
}

function commandLine(pid: number): string {
  try {
    if (process.platform === 'linux') return linuxCommandLine(pid);
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
  } catch {
    return '';
  }
}

/** A process has none for a moment while it becomes another program, and for good once it has ended. */
function linuxCommandLine(pid: number): string {
  const deadlineMs = performance.now() + BECOMING_MS_MAX;
  for (;;) {
    const text = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    if (text !== '' || performance.now() > deadlineMs) return text;
    // The state stands behind the name, which may hold anything.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    const [state, , , , , , flags] = stat;
    if (state === 'Z' || state === 'X') return '';
    // A thread of the kernel never has one.
    if ((Number(flags) & KERNEL_THREAD) !== 0) return '';
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  }
}
