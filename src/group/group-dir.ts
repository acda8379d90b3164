// The folder of a group on this machine: taken when it is free, given back as it was.

import {
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { OperatorError } from '../base/errors.ts';
import {
  type GroupFile,
  groupFile,
  isGroupRunning,
  memberDir,
  readGroupFile,
} from './group-file.ts';
import { lockFile } from './group-lock.ts';

/** Makes sure that the folder is there and free for a group; returns whether it was made. */
export function prepareDir(dir: string): boolean {
  if (!existsSync(dir)) {
    makeDir(resolve(dir));
    return true;
  }
  const real = realpathSync(dir);
  if (!statSync(real).isDirectory()) {
    throw new OperatorError('DIR_IS_FILE', `${real} is a file`, 'Choose a folder for the group.');
  }
  const old = readGroupFile(real);
  if (old === null) {
    if (readdirSync(real).length === 0) return false;
    const message = `${real} is not empty and holds no group`;
    throw new OperatorError('DIR_NOT_EMPTY', message, 'Choose an empty folder or a new one.');
  }
  if (isGroupRunning(real, old)) {
    throw new OperatorError(
      'GROUP_RUNNING',
      `a group runs in ${real} already`,
      `Use it, or stop it with \`atoll local down --dir ${dir}\`.`,
    );
  }
  // What a group leaves behind whose processes were all killed: there is no data in it.
  removeGroupFiles(real, { ...old, madeDir: false });
  return old.madeDir;
}

/** As mkdir -p; Node's own never returns where the system refuses folders, such as in /proc. */
function makeDir(dir: string): void {
  if (!existsSync(dirname(dir))) makeDir(dirname(dir));
  mkdirSync(dir, { mode: 0o700 });
}

export function removeGroupFiles(dir: string, group: GroupFile): void {
  for (const member of group.members) {
    rmSync(memberDir(dir, member), { recursive: true, force: true });
  }
  rmSync(join(dir, 'tls'), { recursive: true, force: true });
  rmSync(join(dir, 'supervisor.log'), { force: true });
  for (const what of ['membership', 'processes'] as const)
    rmSync(lockFile(dir, what), { force: true });
  rmSync(`${groupFile(dir)}.new`, { force: true });
  rmSync(groupFile(dir), { force: true });
  removeMadeDir(dir, group.madeDir);
}

export function removeMadeDir(dir: string, made: boolean): void {
  if (made && existsSync(dir) && readdirSync(dir).length === 0) rmdirSync(dir);
}
