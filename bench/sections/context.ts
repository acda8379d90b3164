// What every section gets: the two running systems, the plan, and how to run things in turns.

import type { Cleanup } from '../cleanup.ts';
import type { Pair } from '../control.ts';
import type { Plan } from '../plan.ts';
import { runRedisBenchmark } from '../redis-benchmark.ts';
import type { Measurement } from '../report.ts';

export interface Context {
  /** What the candidate is measured against. */
  baseline: Pair;
  candidate: Pair;
  plan: Plan;
  /** Binaries of the engine and of its benchmark. */
  engine: string;
  benchmark: string;
  /** Links without TLS. */
  plain: boolean;
  /** A directory for temporary files. */
  dir: string;
  cleanup: Cleanup;
  /** Says what is being done. */
  progress(text: string): void;
}

/** Measures one topic on both systems. */
export type Section = (context: Context) => Promise<Measurement[]>;

export interface Turns<Result> {
  baseline: Result[];
  candidate: Result[];
}

/**
 * Lets the systems take turns, so that a slow moment of the machine hits both. Who goes first changes
 * from round to round, so that neither gains by its place.
 */
export async function inTurns<Result>(
  context: Context,
  rounds: number,
  measure: (pair: Pair, round: number) => Promise<Result>,
): Promise<Turns<Result>> {
  const turns: Turns<Result> = { baseline: [], candidate: [] };
  for (let round = 0; round < rounds; round += 1) {
    const order = ['baseline', 'candidate'] as const;
    for (const side of round % 2 === 0 ? order : order.toReversed()) {
      turns[side].push(await measure(context[side], round));
    }
  }
  return turns;
}

/** How many requests keep the baseline busy for so long: both systems then get this number. */
export async function requestsFor(
  context: Context,
  command: readonly string[],
  options: { pipeline: number; seconds: number },
): Promise<number> {
  const { pipeline, seconds } = options;
  const endpoint = context.baseline.system.writer;
  const requests = 2000 * (pipeline + 4);
  const run = { endpoint, command, pipeline, requests };
  const report = await runRedisBenchmark(context.benchmark, run, context.cleanup);
  await context.baseline.untilLevel();
  return Math.max(1000, Math.round(report.requestsPerSecond * seconds));
}

/** The value that the load writes: 64 bytes. */
export const VALUE = 'x'.repeat(64);
