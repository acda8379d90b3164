// `atoll version`

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { z } from 'zod';
import { printJson, printLine } from '../output.ts';

export function versionCommand(): Command {
  return new Command('version')
    .description('print the version')
    .option('--json', 'as JSON')
    .action((options: { json?: boolean }) => {
      if (options.json) printJson({ version: productVersion(), node: process.version });
      else printLine(`atoll ${productVersion()} (Node.js ${process.version})`);
    });
}

export function productVersion(): string {
  const file = join(import.meta.dirname, '../../../package.json');
  return z.object({ version: z.string() }).parse(JSON.parse(readFileSync(file, 'utf8'))).version;
}
