// The key that signs fences: made once, kept beside the log.

import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export function fenceKeyIn(stateDir: string): Buffer {
  const file = join(stateDir, 'fence.key');
  if (!existsSync(file)) writeFileSync(file, randomBytes(32), { mode: 0o600 });
  return readFileSync(file);
}
