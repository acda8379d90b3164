// Random arguments of commands: few keys and members, so that commands meet; numbers at their limits; times long past
// or far ahead.

/** Mulberry32: the same seed gives the same commands. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 to `limit` - 1. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let x = this.#state;
    x = Math.imul(x ^ (x >>> 15), x | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) % limit;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }

  times<T>(most: number, make: () => T): T[] {
    return Array.from({ length: 1 + this.below(most) }, make);
  }

  some<T>(percent: number, make: () => readonly T[]): readonly T[] {
    return this.chance(percent) ? make() : [];
  }
}

export const PAST_MS = 1000;
export const FAR_FUTURE_MS = 4102444800000;

export const TYPES = [
  ...(['string', 'counter', 'bitmap', 'hyperloglog'] as const),
  ...(['hash', 'set', 'zset', 'list', 'stream'] as const),
] as const;
export type KeyType = (typeof TYPES)[number];
const KEYS_PER_TYPE = 3;
const INTEGERS = ['0', '1', '-1', '5', '-7', '1000', '9007199254740993', '-9007199254740993'];
const ODD_INTEGERS = [
  ...['9223372036854775807', '-9223372036854775808', '9223372036854775808', '1.5', 'x', '', '-0'],
  ...['007', '+1', ' 1', '9223372036854775806', '-9223372036854775807'],
];
const FLOATS = ['0', '1', '-1', '0.1', '3.1', '-2.5', '1e3', '10.25', '1e-3', '123456.789', '+4'];
const ODD_FLOATS = [
  'inf',
  '-inf',
  '+inf',
  'x',
  '',
  '1e17',
  '0.0000123',
  '1e300',
  '123456789012345680',
  '1e-7',
];
const DECIMALS = [
  '0.1',
  '1',
  '-1.5',
  '3.0e3',
  '1000.1',
  '100000.01',
  '0.30000000000000004',
  '5e-2',
  '-0.7',
];
const ODD_DECIMALS = [
  'x',
  '',
  '1e-17',
  '12345678901234567890',
  '1e19',
  '.5',
  '5.',
  '1e',
  '99999999.99999999',
];
const ODD_TIMES = ['x', '0', '-1', '', '9223372036854775808', '1.5'];
const WORDS = ['a', 'b', 'c', 'd', 'e', 'f', '1', '22', '3.0', '\x00\xff\r\n', 'zz'];

/** Makes arguments from a random source. */
export class RandomArguments {
  readonly random: Random;
  /** The last number that nextNumber gave. */
  lastNumber = 100;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  /** A number above all before: mostly the next one. */
  nextNumber(): number {
    this.lastNumber += this.random.chance(90) ? 1 : 1 + this.random.below(100);
    return this.lastNumber;
  }

  key(type?: KeyType): string {
    const own = type !== undefined && !this.random.chance(6) ? type : this.random.pick(TYPES);
    return `${own}:${this.random.below(KEYS_PER_TYPE)}`;
  }

  word(): string {
    return this.random.pick(WORDS);
  }

  words(most: number): string[] {
    return this.random.times(most, () => this.word());
  }

  integer(): string {
    return this.random.pick(this.random.chance(8) ? ODD_INTEGERS : INTEGERS);
  }

  small(): string {
    return this.random.chance(3) ? this.integer() : String(this.random.below(8) - 3);
  }

  float(): string {
    return this.random.pick(this.random.chance(10) ? ODD_FLOATS : FLOATS);
  }

  decimal(): string {
    return this.random.pick(this.random.chance(10) ? ODD_DECIMALS : DECIMALS);
  }

  /** How long to wait for something, in seconds: hardly, as nobody comes. */
  timeout(): string {
    return this.random.chance(95) ? '0.001' : this.random.pick(['x', '-1', '']);
  }

  /** A time in ms: long past or far in the future. */
  timeMs(): string {
    if (this.random.chance(3)) return this.random.pick(ODD_TIMES);
    const past = this.random.chance(25);
    return String(past ? PAST_MS : FAR_FUTURE_MS + 1000 * this.random.below(5));
  }

  timeSeconds(): string {
    if (this.random.chance(3)) return this.random.pick(ODD_TIMES);
    const past = this.random.chance(25);
    return String(past ? PAST_MS / 1000 : FAR_FUTURE_MS / 1000 + this.random.below(5));
  }
}
