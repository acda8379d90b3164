// `atoll chaos`: a real group under load in which everything goes wrong that a seed says, and then the proof that
// nothing was lost.

import { Command, Option } from 'commander';
import { positiveNumber, wholeNumber } from '../arguments.ts';
import { EXIT_INTERRUPTED, interruptible } from '../interrupt.ts';
import { EXIT_FAILED, printJson, printLine } from '../output.ts';

interface Options {
  readonly minutes: number;
  readonly seed?: number;
  readonly regions: string;
  readonly standby?: boolean;
  readonly json?: boolean;
}

const SEEDS = 1_000_000;

export function chaosCommand(): Command {
  return new Command('chaos')
    .description('try faults on a group of this machine, and check that nothing is lost')
    .option('--minutes <M>', 'how long faults come', positiveNumber, 3)
    .option('--seed <S>', 'which faults come; default: another one each time', wholeNumber)
    .addOption(new Option('--regions <N>', 'how many regions').choices(['3', '5']).default('3'))
    .option('--standby', 'engines have standbys')
    .option('--json', 'the result as JSON; what happens goes to standard error')
    .action((options: Options) => interruptible((signal) => chaos(options, signal)));
}

async function chaos(options: Options, signal: AbortSignal): Promise<void> {
  const [{ runChaos }, { reportOf }] = await Promise.all([
    import('../../../test/chaos/run.ts'),
    import('../../../test/chaos/report.ts'),
  ]);
  const json = options.json === true;
  const log = json ? (line: string) => process.stderr.write(`${line}\n`) : printLine;
  const seed = options.seed ?? Math.floor(Math.random() * SEEDS);
  log(`seed ${seed}`);
  const result = await runChaos({
    minutes: options.minutes,
    seed,
    regions: Number(options.regions),
    standbys: options.standby === true,
    log,
    signal,
  });
  if (json) printJson(result);
  else for (const line of reportOf(result)) printLine(line);
  if (!result.ok) process.exitCode = EXIT_FAILED;
  else if (signal.aborted) process.exitCode = EXIT_INTERRUPTED;
}
