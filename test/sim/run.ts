// Runs simulated worlds, one per seed, and tells of every one that fails. A seed is a world: the same number shows the
// same run again, and `ATOLL_SIM_TRACE=1` prints everything that happens in it. Many seeds are shared out to processes,
// one for each core. Each process gets few of them at a time, so that none grows.

import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { SimulationFailure, simulate } from './world.ts';

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts');
/** So many are run by one process, at most. */
const SEEDS_PER_PROCESS = 200;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** What is counted over all worlds. */
const NOTHING = {
  seeds: 0,
  failures: 0,
  writes: 0,
  crashes: 0,
  cuts: 0,
  conflicts: 0,
  retries: 0,
  races: 0,
  superseded: 0,
  changes: 0,
  promotions: 0,
  lostWrites: 0,
  overruns: 0,
};

type Totals = Record<keyof typeof NOTHING, number>;

const count = z.number().int();
const totalsSchema = z.object({
  seeds: count,
  failures: count,
  writes: count,
  crashes: count,
  cuts: count,
  conflicts: count,
  retries: count,
  races: count,
  superseded: count,
  changes: count,
  promotions: count,
  lostWrites: count,
  overruns: count,
});
const failureSchema = z.object({ failed: count, message: z.string(), again: z.string() });
export type SeedFailure = z.infer<typeof failureSchema>;

/** A line of what is printed as JSON. */
export const reportSchema = z.union([failureSchema, totalsSchema]);

export interface SimulationOptions {
  readonly seeds: number;
  readonly from: number;
  /** Members join, are lost for good, or lose their engines. */
  readonly membership?: boolean;
  /** Engines have standbys, which die, or take the place of engines that die. */
  readonly standbys?: boolean;
  /** The same keys are assigned again and again: much of the logs is superseded. */
  readonly assigns?: boolean;
  /** Replicators are away for longer than the backlogs of their engines reach back. */
  readonly overruns?: boolean;
  readonly json?: boolean;
}

const KINDS = ['membership', 'standbys', 'assigns', 'overruns'] as const;

/** Which worlds. */
export type WorldKind = Pick<SimulationOptions, (typeof KINDS)[number]>;

/** Shows one world again, with everything that happens in it. */
export function againCommand(seed: number, kind: WorldKind): string {
  return `ATOLL_SIM_TRACE=1 ${command(seed, 1, kind)}`;
}

function command(from: number, seeds: number, kind: WorldKind): string {
  return ['./atoll sim --seeds', seeds, '--from', from, ...flags(kind)].join(' ');
}

function flags(kind: WorldKind): string[] {
  return KINDS.filter((name) => kind[name] === true).map((name) => `--${name}`);
}

/** Returns the exit code. */
export async function runSimulation(options: SimulationOptions): Promise<number> {
  const totals: Totals = { ...NOTHING };
  const startedAt = performance.now();
  const onFailure = (failure: SeedFailure): void => {
    totals.failures++;
    if (options.json === true) console.log(JSON.stringify(failure));
    else console.error(`FAILED ${failure.message}\nAgain: ${failure.again}`);
  };
  const isTraced = process.env.ATOLL_SIM_TRACE !== undefined;
  if (isTraced || options.seeds <= SEEDS_PER_PROCESS) await runHere(options, totals, onFailure);
  else await runInProcesses(options, totals, onFailure);
  const seconds = (performance.now() - startedAt) / 1000;
  if (options.json === true) console.log(JSON.stringify({ ...totals, seconds }));
  else console.log(inWords(options, totals, seconds));
  return totals.failures === 0 ? 0 : 1;
}

function inWords(
  { from, membership, standbys, overruns }: SimulationOptions,
  totals: Totals,
  seconds: number,
): string {
  const { seeds, failures, changes, promotions, lostWrites } = totals;
  const outcome = failures === 0 ? 'converged' : `were run, ${failures} failed,`;
  return [
    `${seeds} seeds from ${from} ${outcome} in ${seconds.toFixed(1)} s: ${totals.writes} writes`,
    `${totals.conflicts} conflicts`,
    `${totals.cuts} cuts`,
    `${totals.crashes} crashes`,
    `${totals.retries} retries`,
    `${totals.races} races`,
    `${totals.superseded} ops superseded`,
    ...(membership ? [`${changes} changes of the membership`] : []),
    ...(overruns ? [`${totals.overruns} backlogs overrun`] : []),
    ...(standbys ? [`${promotions} takeovers with ${lostWrites} writes lost`] : []),
  ].join(', ');
}

type OnFailure = (failure: SeedFailure) => void;

async function runHere(
  { seeds, from, ...options }: SimulationOptions,
  totals: Totals,
  onFailure: OnFailure,
): Promise<void> {
  const { membership = false, standbys = false, assigns = false, overruns = false } = options;
  const kind = { membership, standbys, assigns, overruns };
  const trace =
    process.env.ATOLL_SIM_TRACE === undefined ? {} : { trace: (l: string) => console.log(l) };
  for (let seed = from; seed < from + seeds; seed++) {
    totals.seeds++;
    try {
      add(totals, { ...NOTHING, ...simulate({ seed, ...kind, ...trace }) });
    } catch (error) {
      const again = againCommand(seed, kind);
      onFailure({ failed: seed, message: messageOf(seed, error), again });
    }
    // Keeps the process answering to signals.
    if (seed % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

function messageOf(seed: number, error: unknown): string {
  if (error instanceof SimulationFailure) return error.message;
  return `seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`;
}

async function runInProcesses(
  { seeds, from, ...kind }: SimulationOptions,
  totals: Totals,
  onFailure: OnFailure,
): Promise<void> {
  let next = from;
  const work = async (): Promise<void> => {
    while (next < from + seeds) {
      const first = next;
      const share = Math.min(SEEDS_PER_PROCESS, from + seeds - first);
      next += share;
      for (const report of await runProcess(first, share, kind)) {
        if ('failed' in report) onFailure(report);
        else add(totals, { ...report, failures: 0 });
      }
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
}

/** What a process says of its seeds. */
function runProcess(
  from: number,
  seeds: number,
  kind: WorldKind,
): Promise<z.infer<typeof reportSchema>[]> {
  const args = ['sim', '--json', '--seeds', String(seeds), '--from', String(from), ...flags(kind)];
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [...process.execArgv, MAIN, ...args],
      { maxBuffer: OUTPUT_BYTES_MAX },
      (error, stdout, stderr) => {
        const lines = stdout.split('\n').filter((line) => line !== '');
        try {
          const reports = lines.map((line) => reportSchema.parse(JSON.parse(line)));
          if (!reports.some((report) => 'seeds' in report)) throw new Error('it ended before');
          resolve(reports);
        } catch {
          const message = `seeds from ${from}: ${error?.message ?? ''}\n${stdout}${stderr}`;
          resolve([{ failed: from, message, again: command(from, seeds, kind) }]);
        }
      },
    );
  });
}

function add(totals: Totals, more: Totals): void {
  for (const key of Object.keys(NOTHING) as (keyof Totals)[]) totals[key] += more[key];
}
