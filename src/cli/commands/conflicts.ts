// `atoll local conflicts`: what became of concurrent writes in a group on this machine.

import type { Command } from 'commander';
import { OperatorError } from '../../base/errors.ts';
import type { GroupMember } from '../../group/group-file.ts';
import type { ConflictsAnswer } from '../../replicator/answers.ts';
import { wholeNumber } from '../arguments.ts';
import { conflictTable, countsLine } from '../conflict-view.ts';
import {
  type DirOptions,
  ESCAPED_HELP,
  inDir,
  type KeyOptions,
  keyBytes,
  openGroup,
} from '../group-command.ts';
import { printJson, printLine, printTable } from '../output.ts';

interface Options extends DirOptions, KeyOptions {
  readonly region?: string;
  readonly key?: string;
  readonly limit?: number;
}

interface Silent {
  readonly region: string;
  readonly error: { readonly code: string; readonly message: string; readonly action: string };
}

/** Of each region, unless more are asked for. */
const SHOWN = 50;

export function conflictsCommand(): Command {
  return inDir('conflicts', 'show what became of concurrent writes')
    .option('--region <R>', 'only what this region has merged')
    .option('--key <K>', 'only this key')
    .option('--escaped', ESCAPED_HELP)
    .option(
      '--limit <N>',
      `the newest N of each region; default: ${SHOWN}, in JSON all`,
      wholeNumber,
    )
    .action(showConflicts);
}

async function showConflicts(options: Options): Promise<void> {
  const key = options.key === undefined ? undefined : keyBytes(options.key, options);
  const group = await openGroup(options);
  const members = options.region === undefined ? group.members : [group.member(options.region)];
  const limit = options.limit ?? (options.json ? undefined : SHOWN);
  const { readConflicts } = await import('../../group/admin.ts');
  const results = await Promise.all(
    members.map((member) => readConflicts(member, { key, limit }).catch(silent(member))),
  );
  const answers = results.flatMap((result) => ('error' in result ? [] : [result]));
  const silents = results.flatMap((result) => ('error' in result ? [result] : []));
  const [first] = silents;
  if (answers.length === 0 && first !== undefined) {
    throw new OperatorError(first.error.code, first.error.message, first.error.action);
  }
  if (options.json) printJson({ dir: group.dir, regions: results });
  else print(answers, silents);
}

/** One region that does not answer keeps nobody from seeing what the others know. */
function silent({ region }: GroupMember): (error: unknown) => Silent {
  return (error) => {
    if (!(error instanceof OperatorError)) throw error;
    const { code, message, action } = error;
    return { region, error: { code, message, action } };
  };
}

function print(answers: readonly ConflictsAnswer[], silents: readonly Silent[]): void {
  const table = conflictTable(answers);
  if (table.length > 1) {
    printTable(table);
    printLine();
  }
  for (const answer of answers) printLine(countsLine(answer));
  for (const { region, error } of silents) {
    printLine(`${region}: no answer: ${error.message}`);
    printLine(`  ${error.action}`);
  }
}
