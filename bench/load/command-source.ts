// Where the load generator gets its commands: a workload is a table of kinds of commands with their
// shares, and this makes of it an endless row of encoded commands. Shares are kept exactly, not on
// average, and evenly spread: two systems, or two rates, get the same proportions in every stretch.

/** What a kind of command may draw on. */
export interface Draw {
  /** Commands made before this one. */
  readonly index: number;
  /** What keys begin with, for workloads that name their keys themselves. */
  readonly prefix: string;
  /** As long as the load asks for. */
  readonly value: string;
  /** A whole number from 0 to below this one, by chance. */
  below(limit: number): number;
  /** One of the keys of the load, by chance. */
  anyKey(): string;
  /** The keys of the load one after the other, and again from the first. */
  nextKey(): string;
}

export interface Share {
  readonly weight: number;
  readonly command: (draw: Draw) => readonly string[];
}

export type Workload = readonly Share[];

export interface CommandOptions {
  keyPrefix: string;
  keys: number;
  valueBytes: number;
}

/** Number `number` of the keys of a load. */
export function keyName(prefix: string, number: number): string {
  return prefix + String(number).padStart(12, '0');
}

export class CommandSource implements Draw {
  readonly prefix: string;
  readonly value: string;
  readonly #keys: number;
  readonly #workload: Workload;
  readonly #order: readonly number[];
  readonly #random: () => number;
  #index = 0;

  /** `random` gives numbers from 0 to below 1. */
  constructor(workload: Workload, options: CommandOptions, random: () => number = Math.random) {
    this.prefix = options.keyPrefix;
    this.value = 'x'.repeat(options.valueBytes);
    this.#keys = options.keys;
    this.#workload = workload;
    this.#order = interleaved(workload.map((share) => share.weight));
    this.#random = random;
  }

  get index(): number {
    return this.#index;
  }

  below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  anyKey(): string {
    return keyName(this.prefix, this.below(this.#keys));
  }

  nextKey(): string {
    return keyName(this.prefix, this.#index % this.#keys);
  }

  /** The next command, as the server reads it. */
  next(): string {
    const share = this.#workload[this.#order[this.#index % this.#order.length] ?? 0];
    if (share === undefined) throw new Error('the workload is empty');
    const args = share.command(this);
    this.#index += 1;
    let text = `*${args.length}\r\n`;
    for (const arg of args) text += `$${arg.length}\r\n${arg}\r\n`;
    return text;
  }
}

/**
 * Numbers of shares in an order in which each comes as often as its weight says, spread evenly: always
 * the one that is furthest behind what is due to it.
 */
export function interleaved(weights: readonly number[]): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const credit = weights.map(() => 0);
  return Array.from({ length: total }, () => {
    weights.forEach((weight, i) => {
      credit[i] = (credit[i] ?? 0) + weight;
    });
    const chosen = credit.indexOf(Math.max(...credit));
    credit[chosen] = (credit[chosen] ?? 0) - total;
    return chosen;
  });
}
