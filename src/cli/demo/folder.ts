// The temporary folder of a demo. Its name tells what may be removed with everything that runs in it.

import { randomBytes } from 'node:crypto';
import { mkdirSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const FOLDER_PREFIX = 'atoll-demo-';

export function makeFolder(): string {
  const dir = join(realpathSync(tmpdir()), `${FOLDER_PREFIX}${randomBytes(4).toString('hex')}`);
  mkdirSync(dir, { mode: 0o700 });
  return dir;
}
