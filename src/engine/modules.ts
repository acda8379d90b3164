// Modules that engines load. Clients cannot load any: what is loaded is decided when the group is made, and is
// the same in all members, since what one module's commands do can only be replicated to the same module.

import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { OperatorError } from '../base/errors.ts';

/** Absolute paths of module files that can be read. Throws an OperatorError for one that cannot. */
export function findModules(paths: readonly string[]): string[] {
  return paths.map((path) => {
    const absolute = resolve(path);
    if (isReadable(absolute)) return absolute;
    throw new OperatorError(
      'MODULE_NOT_FOUND',
      `no module at ${absolute}`,
      'Name the file of a module of the engine, such as redisearch.so, that the engine may read.',
    );
  });
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
