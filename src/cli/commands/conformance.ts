// `atoll conformance`: runs files of merge cases against a group of real engines.

import { Command } from 'commander';

interface Options {
  readonly json?: boolean;
  readonly engine?: string;
}

export function conformanceCommand(): Command {
  return new Command('conformance')
    .description('run files of cases against a fresh group of real engines')
    .argument('<files...>', 'files of cases (JSON)')
    .option('--engine <path>', 'engine to run; default: valkey-server or redis-server on PATH')
    .option('--json', 'as JSON')
    .action(async (files: string[], options: Options) => {
      const { runConformance } = await import('../../conformance/run.ts');
      process.exitCode = await runConformance({ files, ...options });
    });
}
