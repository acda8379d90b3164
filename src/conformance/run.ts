// `atoll conformance`: runs files of cases on groups of real engines, several groups at a time, and says of each case
// whether it passed, failed (expected, seen, where) or is pending (why).

import { OperatorError } from '../base/errors.ts';
import { findEngine } from '../engine/find.ts';
import { type ConformanceCase, readCases } from './case.ts';
import { runCase } from './case-runner.ts';
import { GroupMesh } from './group-mesh.ts';
import type { Mesh } from './mesh.ts';
import { providedModules } from './modules.ts';
import { pendingReason } from './requirements.ts';

export interface ConformanceOptions {
  readonly files: readonly string[];
  /** One JSON document instead of lines. */
  readonly json?: boolean | undefined;
  /** Groups that work at the same time. */
  readonly jobs?: number | undefined;
  /** Path or name of the engine's binary. */
  readonly engine?: string | undefined;
  /** Only cases whose id or type contains this. */
  readonly only?: string | undefined;
  /** Also the types that have no merge rules yet. */
  readonly all?: boolean | undefined;
  readonly log?: ((line: string) => void) | undefined;
}

export type CaseResult =
  | { readonly id: string; readonly type: string; readonly outcome: 'pass' }
  | {
      readonly id: string;
      readonly type: string;
      readonly outcome: 'FAIL' | 'pending';
      readonly reason: string;
    };

export type StartMesh = (regionCount: number) => Promise<Mesh>;

const JOBS_DEFAULT = 2;

/** Runs the cases; the exit code is 1 if one of them failed. */
export async function runConformance(options: ConformanceOptions): Promise<number> {
  const log = options.log ?? ((line: string) => process.stdout.write(`${line}\n`));
  const cases = await chosenCases(options);
  const engine = await findEngine({ engine: options.engine });
  const modules = providedModules(process.env);
  const pending: CaseResult[] = [];
  const runnable: ConformanceCase[] = [];
  for (const one of cases) {
    const reason = pendingReason(one, engine, options.all ?? false, modules);
    if (reason === undefined) runnable.push(one);
    else pending.push({ id: one.id, type: one.type, outcome: 'pending', reason });
  }
  const report = (result: CaseResult) => {
    if (!options.json) log(lineOf(result));
  };
  const startMesh: StartMesh = (regionCount) =>
    GroupMesh.up(regionCount, options.engine, modules.paths);
  const jobs = options.jobs ?? JOBS_DEFAULT;
  const results = await runCases(runnable, { jobs, startMesh, report });
  for (const result of pending) report(result);
  return conclude([...results, ...pending], options.json ?? false, log);
}

/** Runs cases on as many meshes as there are jobs; the results are in the order of the cases. */
export async function runCases(
  cases: readonly ConformanceCase[],
  options: {
    readonly jobs: number;
    readonly startMesh: StartMesh;
    readonly report: (result: CaseResult) => void;
  },
): Promise<CaseResult[]> {
  const regionCount = Math.max(1, ...cases.map((one) => one.regions));
  const results: CaseResult[] = [];
  let next = 0;
  const work = async () => {
    let mesh: Mesh | undefined;
    try {
      while (next < cases.length) {
        const index = next++;
        const one = cases[index] as ConformanceCase;
        mesh ??= await options.startMesh(regionCount);
        const { failure, usable } = await tryCase(one, mesh);
        const { id, type } = one;
        const result: CaseResult =
          failure === undefined
            ? { id, type, outcome: 'pass' }
            : { id, type, outcome: 'FAIL', reason: failure };
        results[index] = result;
        options.report(result);
        if (usable) continue;
        await mesh.close();
        mesh = undefined;
      }
    } finally {
      await mesh?.close();
    }
  };
  await Promise.all(Array.from({ length: Math.min(options.jobs, cases.length) }, work));
  return results;
}

/** A mesh that breaks fails the case that it broke in, and is not used again. */
async function tryCase(
  one: ConformanceCase,
  mesh: Mesh,
): Promise<{ failure: string | undefined; usable: boolean }> {
  let failure: string | undefined;
  try {
    failure = await runCase(one, mesh);
  } catch (error) {
    return { failure: messageOf(error), usable: false };
  }
  try {
    await mesh.clean();
    return { failure, usable: true };
  } catch (error) {
    return { failure: failure ?? `afterwards: ${messageOf(error)}`, usable: false };
  }
}

async function chosenCases(options: ConformanceOptions): Promise<ConformanceCase[]> {
  const cases = (await Promise.all(options.files.map(readCases))).flat();
  const { only } = options;
  if (only === undefined) return cases;
  const chosen = cases.filter(({ id, type }) => id.includes(only) || type.includes(only));
  if (chosen.length > 0) return chosen;
  throw new OperatorError(
    'CASES_NONE',
    `no case has "${only}" in its id or type`,
    'Types are string, hash, set and the like; ids are in the files.',
  );
}

function conclude(
  results: readonly CaseResult[],
  json: boolean,
  log: (line: string) => void,
): number {
  const count = (outcome: CaseResult['outcome']) =>
    results.filter((result) => result.outcome === outcome).length;
  const [passed, failed, pending] = [count('pass'), count('FAIL'), count('pending')];
  if (json) log(JSON.stringify({ passed, failed, pending, cases: results }, null, 2));
  else log(`${passed} passed, ${failed} failed, ${pending} pending`);
  return failed > 0 ? 1 : 0;
}

function lineOf(result: CaseResult): string {
  const outcome = result.outcome.padEnd(7);
  const reason = result.outcome === 'pass' ? '' : `  ${result.reason}`;
  return `${outcome}  ${result.id}${reason}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
