// `atoll key ...`: one key in every region of a group on this machine.

import { Command } from 'commander';
import { OperatorError } from '../../base/errors.ts';
import { printable } from '../../base/printable.ts';
import type { Verdict } from '../../group/key-comparison.ts';
import type { RegionView } from '../../group/key-survey.ts';
import type { LocalGroup } from '../../group/local-group.ts';
import {
  type DirOptions,
  ESCAPED_HELP,
  inDir,
  type KeyOptions,
  keyBytes,
  openGroup,
} from '../group-command.ts';
import { keyTable, silences } from '../key-view.ts';
import { printJson, printLine, printTable } from '../output.ts';

export function keyCommand(): Command {
  return new Command('key')
    .description('keys of a group on this machine')
    .addCommand(
      inDir('explain', 'show one key in every region side by side, and why regions differ')
        .argument('<KEY>', 'the key')
        .option('--escaped', ESCAPED_HELP)
        .action(explain),
    );
}

async function explain(text: string, options: DirOptions & KeyOptions): Promise<void> {
  const key = keyBytes(text, options);
  const group = await openGroup(options);
  const { surveyKey } = await import('../../group/key-survey.ts');
  const { compareRegions } = await import('../../group/key-comparison.ts');
  const views = await surveyKey(group.quietMembers, key);
  requireKey(group, key, views);
  const verdict = compareRegions(views);
  if (options.json)
    printJson({ dir: group.dir, key: printable(key), verdict, regions: readable(views) });
  else print(key, views, verdict);
}

/** A key that was just removed is one that can be explained. */
function requireKey(group: LocalGroup, key: string, views: readonly RegionView[]): void {
  const isKnown = views.some(({ engine, replicator }) => {
    const isThere = !('error' in engine) && engine.type !== 'none';
    const isPending = !('error' in replicator) && replicator.key.pendingOps > 0;
    return isThere || isPending;
  });
  if (isKnown) return;
  const silent = views.filter(({ engine }) => 'error' in engine).map(({ region }) => region);
  if (silent.length === views.length) {
    throw new OperatorError(
      'GROUP_SILENT',
      `no engine of the group in ${group.dir} answers`,
      'See which processes run with `atoll local status`; start a group with `atoll local up`.',
    );
  }
  const where = silent.length === 0 ? '' : `; ${silent.join(' and ')} did not answer`;
  throw new OperatorError(
    'KEY_NOT_FOUND',
    `no region has a key ${printable(key)}${where}`,
    'Keys are compared byte by byte; `redis-cli --scan --pattern` lists what is there.',
  );
}

function print(key: string, views: readonly RegionView[], verdict: Verdict): void {
  printLine(`key ${printable(key)}`);
  printLine();
  printTable(keyTable(views));
  printLine();
  printLine(verdict.text);
  for (const reason of verdict.reasons) printLine(`- ${reason}`);
  for (const { error, action } of silences(views)) {
    printLine(`- ${error}`);
    printLine(`  ${action}`);
  }
}

/** Values as text; the status of the replicators is that of `local status`. */
function readable(views: readonly RegionView[]) {
  return views.map(({ region, engine, replicator }) => ({
    region,
    engine:
      'error' in engine
        ? engine
        : { ...engine, first: engine.first.map((element) => element.map(printable)) },
    replicator:
      'error' in replicator
        ? replicator
        : { ...replicator.key, lastConflict: replicator.lastConflict },
  }));
}
