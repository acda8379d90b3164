// CPU time and resident memory of processes, read from /proc (Linux).
//
// CPU time counts a process, its threads, its live descendants and the children it has already
// reaped, so a supervisor may restart or fork what it likes without hiding work.

import { readdirSync, readFileSync } from 'node:fs';

/** Linux reports CPU times in units of USER_HZ, which is 100 on every architecture Node runs on. */
const TICKS_PER_SECOND = 100;

/** What the benchmark needs of /proc/<pid>/stat. */
export interface ProcessStat {
  pid: number;
  parentPid: number;
  /** User and system time of the process and of its reaped children. */
  cpuSeconds: number;
}

/** Parses the content of /proc/<pid>/stat. */
export function parseStat(text: string): ProcessStat {
  // The second field is the command in parentheses and may itself hold blanks and parentheses.
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  const fields = text
    .slice(close + 2)
    .trim()
    .split(' ');
  const pid = Number(text.slice(0, open));
  const parentPid = Number(fields[1]);
  // utime, stime, cutime, cstime are fields 14 to 17, counted from 1.
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  if (open < 0 || close < open || fields.length < 15 || !Number.isFinite(pid + parentPid + ticks)) {
    throw new Error(`not the content of a /proc/<pid>/stat: ${text.slice(0, 80)}`);
  }
  return { pid, parentPid, cpuSeconds: ticks / TICKS_PER_SECOND };
}

/** Parses VmRSS out of /proc/<pid>/status; 0 for a process without memory (a zombie). */
export function parseResidentBytes(text: string): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(text);
  return match ? Number(match[1]) * 1024 : 0;
}

/** The given processes and all their live descendants, each once. */
export function withDescendants(
  all: readonly ProcessStat[],
  roots: readonly number[],
): ProcessStat[] {
  const wanted = new Set(roots);
  // A child may stand before its parent in the list (process ids wrap): repeat until nothing is new.
  for (let before = -1; before !== wanted.size; ) {
    before = wanted.size;
    for (const stat of all) if (wanted.has(stat.parentPid)) wanted.add(stat.pid);
  }
  return all.filter((stat) => wanted.has(stat.pid));
}

/** CPU seconds used so far by the processes and all that descends from them. */
export function cpuSeconds(pids: readonly number[]): number {
  const all: ProcessStat[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const text = readProcess(Number(name), 'stat');
    if (text !== null) all.push(parseStat(text));
  }
  const alive = new Set(all.map((stat) => stat.pid));
  const gone = pids.filter((pid) => !alive.has(pid));
  if (gone.length > 0) throw new Error(`server process ${gone.join(', ')} ended unexpectedly`);
  return withDescendants(all, pids).reduce((sum, stat) => sum + stat.cpuSeconds, 0);
}

/** Resident memory of the processes, in bytes. */
export function residentBytes(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + parseResidentBytes(readProcess(pid, 'status') ?? ''), 0);
}

/** A file of a process, or null when the process is gone. */
function readProcess(pid: number, file: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return null;
  }
}
