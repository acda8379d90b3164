// What a chaos run tells people at its end.

import type { ChaosResult } from './run.ts';

const MEGABYTE = 1_000_000;

export function reportOf(result: ChaosResult): string[] {
  const { memory } = result;
  const faults = Object.entries(result.faults);
  const total = faults.reduce((sum, [, count]) => sum + count, 0);
  const verb = result.ok ? 'survived' : 'came';
  const refused = Object.entries(result.changesRefused);
  return [
    `${total} faults ${verb} in ${result.seconds.toFixed(0)} s with ${result.regions} regions:`,
    ...faults.map(([kind, count]) => `  ${String(count).padStart(4)}  ${kind}`),
    `${result.writes} writes; ${result.refused} refused, ${result.unanswered} without an answer, ${result.mayBeLost} may be lost with an engine or a member that was given up`,
    ...(refused.length === 0
      ? []
      : [
          `changes of the membership that were refused and done later: ${refused.map(([code, count]) => `${count} ${code}`).join(', ')}`,
        ]),
    ...result.notes,
    `back to all members after ${result.recoverySecondsMax.toFixed(1)} s at most; quiet ${result.convergedAfterSeconds.toFixed(1)} s after the end`,
    ...memory.before.map(({ region, replicatorBytes, heldBytes, engineBytes }) => {
      const after = memory.after.find((one) => one.region === region);
      const replicator = `${megabytes(replicatorBytes)} -> ${megabytes(after?.replicatorBytes)}`;
      const engine = `${megabytes(engineBytes)} -> ${megabytes(after?.engineBytes)}`;
      const held = `${megabytes(heldBytes, 1)} -> ${megabytes(after?.heldBytes, 1)}`;
      return `memory of ${region}: replicator holds ${held} MB, has ${replicator} MB; engine ${engine} MB`;
    }),
    `most memory of a replicator: ${megabytes(memory.replicatorBytesMax)} MB`,
    ...(result.ok ? ['the same everywhere, nothing lost, nothing doubled'] : failureOf(result)),
  ];
}

function failureOf({ problems, seed, dir, again }: ChaosResult): string[] {
  return [
    `FAILED, seed ${seed}:`,
    ...problems.map((problem) => `  ${problem}`),
    ...(dir === null ? [] : [`The files of the group are kept in ${dir}`]),
    `Again: ${again}`,
  ];
}

function megabytes(bytes: number | null | undefined, digits = 0): string {
  return bytes == null ? '?' : (bytes / MEGABYTE).toFixed(digits);
}
