// `atoll bench`: Atoll beside stock replication, on this machine, in one run.
//
// Both systems run all the time and take turns, so what counts is their ratio; absolute figures say
// as much about the machine. Everything started here is stopped again, also after a failure or an
// interrupt.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OperatorError } from '../src/base/errors.ts';
import { findEngine } from '../src/engine/find.ts';
import { Cleanup } from './cleanup.ts';
import { Pair } from './control.ts';
import { findBenchmark } from './find-benchmark.ts';
import { interruptibly } from './interrupt.ts';
import { legend } from './legend.ts';
import { type Plan, planFor } from './plan.ts';
import { residentBytes } from './proc.ts';
import { judge, type Measurement, type Row, table } from './report.ts';
import { apply } from './sections/apply.ts';
import { catchUp } from './sections/catch-up.ts';
import type { Context, Section } from './sections/context.ts';
import { cpu } from './sections/cpu.ts';
import { hot } from './sections/hot.ts';
import { lag } from './sections/lag.ts';
import { listMemory } from './sections/list-memory.ts';
import { members } from './sections/members.ts';
import { memory } from './sections/memory.ts';
import { soak } from './sections/soak.ts';
import { sync } from './sections/sync.ts';
import { throughput } from './sections/throughput.ts';
import { warmUp } from './sections/warm-up.ts';
import { describeMachine, differingSettings } from './surroundings.ts';
import { startAtoll } from './systems/atoll.ts';
import { startStock } from './systems/stock.ts';

export interface BenchOptions {
  /** Print one JSON document instead of the table. */
  json?: boolean | undefined;
  /** Shorter rounds: minutes instead of most of an hour, with more noise. */
  quick?: boolean | undefined;
  /** Names of sections; all when absent. */
  only?: string[] | undefined;
  /** Length of the flat-out period before catching up. */
  seconds?: number | undefined;
  /** Path or name of the engine's binary. */
  engine?: string | undefined;
  /** Atoll's links without TLS. */
  plain?: boolean | undefined;
  /** Minutes of steady load to watch the replicators' memory. */
  soak?: number | undefined;
  /** Measure stock replication against itself: how much of a ratio is noise. */
  self?: boolean | undefined;
  log(line: string): void;
}

/** In the order of running. Memory comes first because it needs engines without data. */
const SECTIONS: Readonly<Record<string, Section>> = {
  memory,
  throughput,
  lag,
  cpu,
  'catch-up': catchUp,
  apply,
  'list-memory': listMemory,
  hot,
  members,
  sync,
  soak,
};

/** Sections before which the two systems need no warming up: they start without data, or their own regions. */
const COLD: ReadonlySet<string> = new Set(['memory', 'list-memory', 'hot', 'members', 'sync']);

/** When it is asked for by name only. */
const SOAK_MINUTES = 10;

/** Names that `only` takes. */
export const SECTION_NAMES: readonly string[] = Object.keys(SECTIONS);

/** Runs the benchmark; the exit code is 0 whether or not targets are met, 130 when interrupted. */
export async function bench(options: BenchOptions): Promise<number> {
  const only = options.only?.flatMap((names) => names.split(','));
  const names = sectionNames(only);
  const cleanup = new Cleanup();
  let report: readonly string[] = [];
  try {
    return await interruptibly(cleanup, async () => {
      report = await run({ ...options, only }, names, cleanup);
      return 0;
    });
  } finally {
    // Last, as whoever reads this may close the pipe half-way, and that would end the process.
    for (const line of report) options.log(line);
  }
}

function sectionNames(only: readonly string[] | undefined): readonly string[] {
  if (only === undefined || only.length === 0) return SECTION_NAMES;
  const unknown = only.filter((name) => !SECTION_NAMES.includes(name));
  if (unknown.length > 0) {
    throw new OperatorError(
      'BENCH_SECTION_UNKNOWN',
      `no such part of the benchmark: ${unknown.join(', ')}`,
      `Choose among: ${SECTION_NAMES.join(', ')}.`,
    );
  }
  return SECTION_NAMES.filter((name) => only.includes(name));
}

/** Measures, and returns the lines of the report. */
async function run(
  options: BenchOptions,
  names: readonly string[],
  cleanup: Cleanup,
): Promise<readonly string[]> {
  const plan = planFor({
    quick: options.quick ?? false,
    seconds: options.seconds,
    soakMinutes: options.soak ?? (options.only?.includes('soak') ? SOAK_MINUTES : 0),
  });
  const context = await start(options, plan, cleanup);
  const { baseline, candidate } = context;
  const systems = [baseline.system.description, candidate.system.description];
  const facts = {
    machine: describeMachine(),
    engine: await engineVersion(baseline),
    baseline: systems[0] ?? '',
    candidate: systems[1] ?? '',
    differingSettings: await differingSettings(baseline.writer, candidate.writer),
  };
  const startBytes = residentBytes(candidate.system.replicatorPids);
  const measurements: Measurement[] = [];
  let isWarm = false;
  for (const name of names) {
    if (!isWarm && !COLD.has(name)) {
      await warmUp(context);
      isWarm = true;
    }
    measurements.push(...((await SECTIONS[name]?.(context)) ?? []));
  }
  measurements.push(...residentMemory(context, startBytes));
  const rows = measurements.map(judge);
  if (options.json) return [JSON.stringify({ ...facts, plan, rows }, null, 2)];
  return textReport(facts, rows, context);
}

async function start(options: BenchOptions, plan: Plan, cleanup: Cleanup): Promise<Context> {
  const engine = (await findEngine({ engine: options.engine })).path;
  const benchmark = findBenchmark(process.env.PATH ?? '', engine);
  const progress = (text: string): void => void process.stderr.write(`bench: ${text}\n`);
  const dir = mkdtempSync(join(tmpdir(), 'atoll-bench-'));
  cleanup.defer(() => rmSync(dir, { recursive: true, force: true }));
  progress('starting both systems');
  const plain = options.plain ?? false;
  const common = { engine, plain, cleanup };
  const startCandidate = options.self ? startStock : startAtoll;
  const stock = await startStock({ ...common, dir: join(dir, 'baseline') });
  const other = await startCandidate({ ...common, dir: join(dir, 'candidate') });
  const baseline = await Pair.connect(stock, cleanup);
  const candidate = await Pair.connect(other, cleanup);
  return { baseline, candidate, plan, engine, benchmark, plain, dir, cleanup, progress };
}

async function engineVersion(pair: Pair): Promise<string> {
  const info = await pair.writer.info('server');
  const field = (name: string) => new RegExp(`^${name}:(.*)\r$`, 'm').exec(info)?.[1];
  const valkey = field('valkey_version');
  return valkey === undefined ? `Redis ${field('redis_version')}` : `Valkey ${valkey}`;
}

function residentMemory(context: Context, startBytes: number): Measurement[] {
  const { replicatorPids } = context.candidate.system;
  if (replicatorPids.length === 0) return [];
  const megabytes = (bytes: number) => bytes / replicatorPids.length / (1024 * 1024);
  const row = { section: 'resident memory per replicator', unit: 'MB', baseline: null };
  return [
    { ...row, name: 'before the load', candidate: megabytes(startBytes) },
    { ...row, name: 'after all of it', candidate: megabytes(residentBytes(replicatorPids)) },
  ];
}

function textReport(
  facts: { machine: string; engine: string; differingSettings: string[] },
  rows: readonly Row[],
  context: Context,
): string[] {
  const { baseline, candidate } = context;
  const names = [baseline.system.name, candidate.system.name] as const;
  const differing = facts.differingSettings;
  return [
    `${facts.engine} on ${facts.machine}`,
    `${names[0]}: ${baseline.system.description}`,
    `${names[1]}: ${candidate.system.description}`,
    `engine settings: ${differing.length === 0 ? 'the same' : `differ in ${differing.join(', ')}`}`,
    '',
    ...table(rows, names[0], names[1]),
    '',
    ...rows.flatMap((row) =>
      row.differs === null ? [] : [`differs: ${row.name}: ${row.differs}`, ''],
    ),
    ...legend(),
    '',
    `ratios: ${JSON.stringify(ratios(rows))}`,
  ];
}

function ratios(rows: readonly Row[]): Record<string, number> {
  const known = rows.flatMap((row) =>
    row.ratio === null
      ? []
      : [[`${row.section}: ${row.name}`, Number(row.ratio.toPrecision(4))] as const],
  );
  return Object.fromEntries(known);
}
