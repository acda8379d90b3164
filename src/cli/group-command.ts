// What commands about a group on this machine share: its folder, and keys as people write them.

import { Command } from 'commander';
import { OperatorError } from '../base/errors.ts';
import { fromPrintable, latin1Of } from '../base/printable.ts';
import type { LocalGroup } from '../group/local-group.ts';

export interface DirOptions {
  readonly dir: string;
  readonly json?: boolean;
}

export interface KeyOptions {
  readonly escaped?: boolean;
}

/** Of `--escaped`, wherever a key can be given. */
export const ESCAPED_HELP = 'the key is written as it is shown: \\xNN is a byte, \\\\ a backslash';

export function inDir(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .requiredOption('--dir <D>', 'folder of the group')
    .option('--json', 'as JSON');
}

export async function openGroup(options: DirOptions): Promise<LocalGroup> {
  const { LocalGroup } = await import('../group/local-group.ts');
  return LocalGroup.open(options.dir);
}

/** The bytes that a key on the command line stands for, as latin1. */
export function keyBytes(text: string, { escaped }: KeyOptions): string {
  const key = escaped === true ? fromPrintable(text) : latin1Of(text);
  if (key !== null) return key;
  throw new OperatorError(
    'KEY_ESCAPES',
    `the key ${text} has a backslash that begins no escape`,
    'Write \\xNN for a byte, \\n, \\r, \\t, and \\\\ for a backslash.',
  );
}
