// `atoll bench`: Atoll beside stock replication, measured in one run on this machine.

import { Command } from 'commander';
import { wholeNumber } from '../arguments.ts';
import { printLine } from '../output.ts';

interface Options {
  readonly json?: boolean;
  readonly quick?: boolean;
  readonly only?: string[];
  readonly seconds?: number;
  readonly engine?: string;
  readonly plain?: boolean;
  readonly soak?: number;
  readonly self?: boolean;
}

export function benchCommand(): Command {
  return new Command('bench')
    .description('measure throughput, lag, CPU and memory against stock replication')
    .argument('[parts...]', 'as --only')
    .option('--quick', 'shorter rounds, more noise')
    .option('--only <parts...>', 'only these parts of the benchmark (a,b or a b)')
    .option('--seconds <N>', 'length of the flat-out period before catching up', wholeNumber)
    .option(
      '--soak <minutes>',
      'watch the memory of the replicators under steady load',
      wholeNumber,
    )
    .option('--engine <path>', 'engine to run; default: valkey-server or redis-server on PATH')
    .option('--plain', 'links without TLS')
    .option('--self', 'measure stock replication against itself: how much is noise')
    .option('--json', 'as JSON')
    .action(async (parts: string[], options: Options) => {
      const { bench } = await import('../../../bench/main.ts');
      process.exitCode = await bench({
        ...options,
        only: [...parts, ...(options.only ?? [])],
        log: printLine,
      });
    });
}
