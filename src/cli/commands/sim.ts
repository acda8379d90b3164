// `atoll sim`: runs the deterministic simulation for any number of seeds.

import { Command } from 'commander';
import { wholeNumber } from '../arguments.ts';

interface SimOptions {
  readonly seeds: number;
  readonly from: number;
  readonly membership?: boolean;
  readonly standbys?: boolean;
  readonly assigns?: boolean;
  readonly overruns?: boolean;
  readonly json?: boolean;
}

export function simCommand(): Command {
  return new Command('sim')
    .description('simulate groups with faults; every seed is one reproducible run')
    .option('--seeds <N>', 'how many seeds', wholeNumber, 1_000)
    .option('--from <S>', 'the first seed', wholeNumber, 1)
    .option('--membership', 'members join, are lost for good, or lose their engines')
    .option('--standbys', 'engines have standbys, which die or take their places')
    .option(
      '--assigns',
      'the same keys are assigned again and again: much of the logs is superseded',
    )
    .option(
      '--overruns',
      'replicators are away for longer than the backlogs of their engines reach',
    )
    .option('--json', 'as JSON')
    .action(async (options: SimOptions) => {
      const { runSimulation } = await import('../../../test/sim/run.ts');
      process.exitCode = await runSimulation(options);
    });
}
