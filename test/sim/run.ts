// Runs simulated worlds, one per seed, and stops at the first that fails. A seed is a world: the same
// number shows the same run again, and `ATOLL_SIM_TRACE=1` prints everything that happens in it.

import { SimulationFailure, simulate, type WorldResult } from './world.ts';

const NOTHING = {
  writes: 0,
  crashes: 0,
  cuts: 0,
  conflicts: 0,
  retries: 0,
  races: 0,
  changes: 0,
  promotions: 0,
  lostWrites: 0,
};

export interface SimulationOptions {
  readonly seeds: number;
  readonly from: number;
  /** Members join, are lost for good, or lose their engines. */
  readonly membership?: boolean;
  /** Engines have standbys, which die, or take the place of engines that die. */
  readonly standbys?: boolean;
  readonly json?: boolean;
}

/** Which worlds. */
export type WorldKind = Pick<SimulationOptions, 'membership' | 'standbys'>;

/** Shows one world again, with everything that happens in it. */
export function againCommand(seed: number, { membership, standbys }: WorldKind): string {
  const kind = `${membership ? ' --membership' : ''}${standbys ? ' --standbys' : ''}`;
  return `ATOLL_SIM_TRACE=1 ./atoll sim --seeds 1 --from ${seed}${kind}`;
}

/** Returns the exit code. */
export async function runSimulation(options: SimulationOptions): Promise<number> {
  const totals = { seeds: 0, ...NOTHING };
  const kind = { membership: options.membership === true, standbys: options.standbys === true };
  const startedAt = performance.now();
  const trace =
    process.env.ATOLL_SIM_TRACE === undefined ? {} : { trace: (l: string) => console.log(l) };
  for (let seed = options.from; seed < options.from + options.seeds; seed++) {
    try {
      add(totals, simulate({ seed, ...kind, ...trace }));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const known = error instanceof SimulationFailure;
      const detail = known ? '' : `\n${error instanceof Error ? error.stack : ''}`;
      const again = againCommand(seed, kind);
      if (options.json === true) console.log(JSON.stringify({ failed: seed, message, again }));
      else
        console.error(
          `FAILED ${known ? '' : `seed ${seed}: `}${message}${detail}\nAgain: ${again}`,
        );
      return 1;
    }
    // Keeps the process answering to signals.
    if (seed % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const seconds = (performance.now() - startedAt) / 1000;
  if (options.json === true) console.log(JSON.stringify({ ...totals, seconds }));
  else {
    console.log(
      `${totals.seeds} seeds from ${options.from} converged in ${seconds.toFixed(1)} s: ` +
        `${totals.writes} writes, ${totals.conflicts} conflicts, ${totals.cuts} cuts, ` +
        `${totals.crashes} crashes, ${totals.retries} retries, ${totals.races} races` +
        (kind.membership ? `, ${totals.changes} changes of the membership` : '') +
        (kind.standbys
          ? `, ${totals.promotions} takeovers with ${totals.lostWrites} writes lost`
          : ''),
    );
  }
  return 0;
}

function add(totals: Record<string, number>, result: WorldResult): void {
  totals.seeds = (totals.seeds ?? 0) + 1;
  for (const key of Object.keys(NOTHING) as (keyof typeof NOTHING)[]) {
    totals[key] = (totals[key] ?? 0) + result[key];
  }
}
