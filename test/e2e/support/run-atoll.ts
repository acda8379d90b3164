// Runs the command line as people do.

import { execFile } from 'node:child_process';
import { join } from 'node:path';

export const ATOLL = join(import.meta.dirname, '../../../atoll');

export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function run(
  args: readonly string[],
  { file = ATOLL, cwd = process.cwd(), environment = {} } = {},
): Promise<Result> {
  return new Promise((resolve) => {
    const env = { ...process.env, ...environment };
    const child = execFile(file, args, { cwd, env }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
    child.stdin?.end();
  });
}
