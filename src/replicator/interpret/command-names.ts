// Names of commands in upper case. Clients write names as they like; few spellings recur.

import type { Command } from '../../resp/command.ts';

const SPELLINGS_MAX = 10_000;

export class CommandNames {
  readonly #names = new Map<string, string>();

  of(command: Command): string {
    const spelled = command.arg(0);
    const known = this.#names.get(spelled);
    if (known !== undefined) return known;
    const name = spelled.toUpperCase();
    if (this.#names.size < SPELLINGS_MAX) this.#names.set(spelled, name);
    return name;
  }
}
