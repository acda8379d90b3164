// Finds the load tool that comes with the engine.

import { accessSync, constants } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { OperatorError } from '../src/base/errors.ts';

const NAMES = ['redis-benchmark', 'valkey-benchmark'];

/** The path of redis-benchmark or valkey-benchmark: on PATH, else beside the engine. */
export function findBenchmark(searchPath: string, engine: string): string {
  const folders = [...searchPath.split(delimiter).filter((one) => one !== ''), dirname(engine)];
  for (const folder of folders) {
    for (const name of NAMES) {
      const path = join(folder, name);
      if (isExecutable(path)) return path;
    }
  }
  throw new OperatorError(
    'BENCH_TOOL_NOT_FOUND',
    `neither ${NAMES.join(' nor ')} is on PATH`,
    'Install the tools of Redis or Valkey (package redis-tools or valkey-tools).',
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
