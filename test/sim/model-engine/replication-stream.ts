// What a model engine appends to its replication stream, unit by unit.

import { Command } from '../../../src/resp/command.ts';
import { encodeStrings } from '../../../src/resp/encode.ts';
import { StreamParser } from '../../../src/resp/stream-parser.ts';

type Effect = readonly string[];

const SELECT_ZERO = encodeStrings(['SELECT', '0']);
const MULTI = encodeStrings(['MULTI']);
const EXEC = encodeStrings(['EXEC']);

export class ReplicationStream {
  readonly #listener: ((bytes: Buffer) => void) | undefined;
  #chunks: Buffer[] = [];
  #offset: number;
  #databaseSelected = false;

  constructor(offset: number, listener: ((bytes: Buffer) => void) | undefined) {
    this.#offset = offset;
    this.#listener = listener;
  }

  get offset(): number {
    return this.#offset;
  }

  /** The bytes since the last call; none when a listener takes them. */
  take(): Buffer {
    const bytes = Buffer.concat(this.#chunks);
    this.#chunks = [];
    return bytes;
  }

  /** A new replica attaches: the next write selects its database anew. */
  forgetDatabase(): void {
    this.#databaseSelected = false;
  }

  /** These bytes of another engine's stream are this one's own as well. */
  follow(byteCount: number): void {
    this.#offset += byteCount;
    this.#databaseSelected = false;
  }

  /** Appends the effects of one unit: several come in MULTI/EXEC. */
  append(effects: readonly Effect[]): void {
    const parts = effects.map(encodeStrings);
    if (parts.length > 1) {
      parts.unshift(MULTI);
      parts.push(EXEC);
    }
    if (!this.#databaseSelected) {
      this.#databaseSelected = true;
      parts.unshift(SELECT_ZERO);
    }
    const bytes = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
    this.#offset += bytes.length;
    if (this.#listener === undefined) this.#chunks.push(bytes);
    else this.#listener(bytes);
  }
}

/** The commands of a stream. */
export function* commandsIn(bytes: Buffer): Iterable<string[]> {
  const parser = new StreamParser();
  const command = new Command();
  parser.feed(bytes);
  while (parser.next(command)) {
    yield Array.from({ length: command.argc }, (_, i) => command.arg(i));
  }
}
