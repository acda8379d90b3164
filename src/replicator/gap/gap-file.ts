// That writes of the own engine were missed, in the state directory: until what followed from them is mended.

import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { syncDirectory } from '../log/sync-directory.ts';

export class GapFile {
  readonly #dir: string;

  constructor(stateDir: string) {
    this.#dir = stateDir;
  }

  get isThere(): boolean {
    return existsSync(this.#path);
  }

  write(): void {
    writeFileSync(this.#path, '{}\n', { mode: 0o600 });
    syncDirectory(this.#dir);
  }

  remove(): void {
    rmSync(this.#path, { force: true });
  }

  get #path(): string {
    return join(this.#dir, 'gap.json');
  }
}
