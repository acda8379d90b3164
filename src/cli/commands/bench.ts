// `atoll bench`: Atoll beside stock replication, measured in one run on this machine.

import { Command } from 'commander';
import { positiveNumber, wholeNumber } from '../arguments.ts';
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

interface OutageOptions {
  readonly minutes: number;
  readonly keys: number;
  readonly rate: number;
  readonly unlink?: boolean;
  readonly engine?: string;
  readonly plain?: boolean;
}

interface RecoveryOptions {
  readonly rate: number;
  readonly megabytes: number;
  readonly rounds: number;
  readonly engine?: string;
  readonly plain?: boolean;
}

const OUTAGE_DEFAULTS = { minutes: 2, keys: 1_000_000, rate: 20_000 };

function outageCommand(): Command {
  return new Command('outage')
    .description('cut off one of three regions under load, and measure what the others keep for it')
    .option('--minutes <M>', 'length of the outage', positiveNumber, OUTAGE_DEFAULTS.minutes)
    .option('--keys <N>', 'keys that are written', wholeNumber, OUTAGE_DEFAULTS.keys)
    .option(
      '--rate <R>',
      'writes per second, in both others together',
      wholeNumber,
      OUTAGE_DEFAULTS.rate,
    )
    .option('--unlink', 'force-unlink it in the end, and measure how soon the others are as before')
    .option('--engine <path>', 'engine to run; default: valkey-server or redis-server on PATH')
    .option('--plain', 'links without TLS')
    .action(async (options: OutageOptions) => {
      const { benchOutage } = await import('../../../bench/outage.ts');
      process.exitCode = await benchOutage({ ...options, log: printLine });
    });
}

function recoveryCommand(): Command {
  return new Command('recovery')
    .description('kill a replicator, then an engine, and measure how long it takes to recover')
    .option('--rate <R>', 'writes per second, in two regions together', wholeNumber, 20_000)
    .option('--megabytes <M>', 'data in every engine when one is lost', wholeNumber, 1024)
    .option('--rounds <N>', 'how often each', wholeNumber, 3)
    .option('--engine <path>', 'engine to run; default: valkey-server or redis-server on PATH')
    .option('--plain', 'links without TLS')
    .action(async (options: RecoveryOptions) => {
      const { benchRecovery } = await import('../../../bench/recovery.ts');
      process.exitCode = await benchRecovery({ ...options, log: printLine });
    });
}

export function benchCommand(): Command {
  return new Command('bench')
    .addCommand(outageCommand())
    .addCommand(recoveryCommand())
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
