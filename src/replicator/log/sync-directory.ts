// Names in a directory outlive a crash of the machine only once the directory itself is on disk.

import { closeSync, fsyncSync, openSync } from 'node:fs';

/** Makes the names in a directory durable. */
export function syncDirectory(dir: string): void {
  const handle = openSync(dir, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
