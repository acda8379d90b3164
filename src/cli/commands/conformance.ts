// `atoll conformance`: runs files of merge cases against a group of real engines.

import { Command, InvalidArgumentError } from 'commander';

interface Options {
  readonly json?: boolean;
  readonly engine?: string;
  readonly jobs: number;
  readonly only?: string;
  readonly all?: boolean;
}

const JOBS_DEFAULT = 2;
const JOBS_MAX = 16;

export function conformanceCommand(): Command {
  return new Command('conformance')
    .description('run files of cases against a fresh group of real engines')
    .argument('<files...>', 'files of cases (JSON)')
    .option('--engine <path>', 'engine to run; default: valkey-server or redis-server on PATH')
    .option('--jobs <n>', 'groups that work at the same time', jobCount, JOBS_DEFAULT)
    .option('--only <text>', 'only cases with this in their id or type')
    .option('--all', 'also the types that have no merge rules yet')
    .option('--json', 'as JSON')
    .action(async (files: string[], options: Options) => {
      const { runConformance } = await import('../../conformance/run.ts');
      process.exitCode = await runConformance({ files, ...options });
    });
}

function jobCount(text: string): number {
  const jobs = Number(text);
  if (Number.isInteger(jobs) && jobs >= 1 && jobs <= JOBS_MAX) return jobs;
  throw new InvalidArgumentError(`A number from 1 to ${JOBS_MAX}.`);
}
