// What a newcomer's engine says to the donor's: it may follow, and do nothing else. The tunnel is logged
// in as the donor's replicator, which may do everything, so each command is looked at before its last
// byte is passed on.

import { CorruptInput } from '../../base/errors.ts';
import { Command } from '../../resp/command.ts';
import { StreamParser } from '../../resp/stream-parser.ts';

const ALLOWED: ReadonlySet<string> = new Set(['PING', 'REPLCONF', 'PSYNC']);
/** No command of a replica is longer; more of it is not kept. */
const COMMAND_BYTES_MAX = 64 * 1024;

export class ReplicaRequests {
  readonly #parser = new StreamParser();
  readonly #command = new Command();
  readonly #onSync: (offset: number) => void;
  #taken = 0;

  /** `onSync`: the stream is asked for from this offset on; -1: all of it. */
  constructor(onSync: (offset: number) => void) {
    this.#onSync = onSync;
  }

  /** Throws CorruptInput when `chunk` ends or holds anything that a replica does not say. */
  judge(chunk: Buffer): void {
    this.#taken += chunk.length;
    this.#parser.feed(chunk);
    while (this.#parser.next(this.#command)) {
      const name = this.#command.arg(0).toUpperCase();
      if (!ALLOWED.has(name)) throw new CorruptInput(`a replica does not say ${name.slice(0, 40)}`);
      if (name === 'PSYNC' && this.#command.argc > 2) this.#onSync(Number(this.#command.arg(2)));
    }
    if (this.#taken - this.#parser.consumed > COMMAND_BYTES_MAX) {
      throw new CorruptInput('a command that is longer than any of a replica');
    }
  }
}
