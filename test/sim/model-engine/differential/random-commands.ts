// Random commands over few keys and members, so that they meet: right and wrong types, expired keys, limits of
// numbers, options in every combination.

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

const TYPES = ['string', 'hash', 'set', 'zset', 'list', 'counter'] as const;
type KeyType = (typeof TYPES)[number];
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

/** Makes commands from a random source. */
export class RandomCommands {
  readonly random: Random;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  /** A command that may be sent anywhere. */
  next(): string[] {
    const type = this.random.pick(TYPES);
    const command = this.random.chance(25) ? this.#keyCommand() : this.#typed(type);
    // A wrong number of arguments or an unknown command, now and then.
    if (command.length > 1 && this.random.chance(1)) return command.slice(0, -1);
    if (this.random.below(500) === 0) return ['NOSUCH', 'a', 'b'];
    return this.random.chance(10)
      ? [(command[0] as string).toLowerCase(), ...command.slice(1)]
      : command;
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

  #typed(type: KeyType): string[] {
    const key = this.key(type);
    switch (type) {
      case 'string':
        return this.#stringCommand(key);
      case 'counter':
        return this.#counterCommand(key);
      case 'hash':
        return this.#hashCommand(key);
      case 'set':
        return this.#setCommand(key);
      case 'zset':
        return this.#zsetCommand(key);
      case 'list':
        return this.#listCommand(key);
    }
  }

  #stringCommand(key: string): string[] {
    const other = this.key('string');
    return this.random.pick<() => string[]>([
      () => ['GET', key],
      () => ['SET', key, this.word(), ...this.#setOptions()],
      () => ['SET', key, this.word(), ...this.#setOptions()],
      () => ['SETNX', key, this.word()],
      () => ['GETSET', key, this.word()],
      () => ['GETDEL', key],
      () => ['GETEX', key, ...this.#getexOptions()],
      () => ['MSET', key, this.word(), other, this.word()],
      () => ['MSETNX', key, this.word(), other, this.word()],
      () => ['MGET', key, other, this.key()],
      () => ['APPEND', key, this.word()],
      () => ['SETRANGE', key, this.small(), this.random.pick(['', 'xy', 'q'])],
      () => ['GETRANGE', key, this.small(), this.small()],
      () => ['STRLEN', key],
    ])();
  }

  #setOptions(): string[] {
    const { random } = this;
    return [
      ...random.some(20, () => [random.pick(['NX', 'XX', 'nx'])]),
      ...random.some(20, () => ['GET']),
      ...random.some(20, () => ['KEEPTTL']),
      ...random.some(15, () => ['PXAT', this.timeMs()]),
      ...random.some(15, () => ['EXAT', this.timeSeconds()]),
      ...random.some(5, () => [random.pick(['GET', 'XX', 'get', 'EX', 'bad'])]),
    ];
  }

  #getexOptions(): string[] {
    const { random } = this;
    return [
      ...random.some(20, () => ['PERSIST']),
      ...random.some(30, () => ['PXAT', this.timeMs()]),
      ...random.some(20, () => ['EXAT', this.timeSeconds()]),
      ...random.some(3, () => ['bad']),
    ];
  }

  #counterCommand(key: string): string[] {
    return this.random.pick<() => string[]>([
      () => ['INCR', key],
      () => ['DECR', key],
      () => ['INCRBY', key, this.integer()],
      () => ['DECRBY', key, this.integer()],
      () => ['INCRBYFLOAT', key, this.decimal()],
      () => ['INCRBYFLOAT', key, this.decimal()],
      () => ['SET', key, this.integer()],
      () => ['SET', key, this.decimal()],
      () => ['GET', key],
    ])();
  }

  #hashCommand(key: string): string[] {
    const pairs = () => this.random.times(3, () => [this.word(), this.word()]).flat();
    return this.random.pick<() => string[]>([
      () => ['HSET', key, ...pairs()],
      () => ['HSET', key, ...pairs()],
      () => ['HMSET', key, ...pairs()],
      () => ['HSET', key, this.word(), this.decimal()],
      () => ['HSETNX', key, this.word(), this.word()],
      () => ['HGET', key, this.word()],
      () => ['HMGET', key, ...this.words(3)],
      () => ['HGETALL', key],
      () => ['HKEYS', key],
      () => ['HVALS', key],
      () => ['HEXISTS', key, this.word()],
      () => ['HDEL', key, ...this.words(4)],
      () => ['HINCRBY', key, this.random.pick(['n', 'm']), this.integer()],
      () => ['HINCRBYFLOAT', key, this.random.pick(['n', 'm', 'f']), this.decimal()],
      () => ['HLEN', key],
    ])();
  }

  #setCommand(key: string): string[] {
    const { random } = this;
    const keys = () => random.times(3, () => this.key('set'));
    return random.pick<() => string[]>([
      () => ['SADD', key, ...this.words(4)],
      () => ['SADD', key, ...this.words(4)],
      () => ['SREM', key, ...this.words(3)],
      () => ['SPOP', key],
      () => ['SPOP', key, random.pick(['0', '1', '2', '3', '30', '-1', 'x'])],
      () => ['SMOVE', key, this.key('set'), this.word()],
      () => ['SMEMBERS', key],
      () => ['SCARD', key],
      () => ['SISMEMBER', key, this.word()],
      () => ['SMISMEMBER', key, ...this.words(3)],
      () => [random.pick(['SUNION', 'SINTER', 'SDIFF']), ...keys()],
      () => [random.pick(['SUNIONSTORE', 'SINTERSTORE', 'SDIFFSTORE']), key, ...keys()],
    ])();
  }

  #zsetCommand(key: string): string[] {
    const { random } = this;
    const scored = () => random.times(3, () => [this.float(), this.word()]).flat();
    const keys = random.times(3, () => this.key('zset'));
    return random.pick<() => string[]>([
      () => ['ZADD', key, ...scored()],
      () => ['ZADD', key, ...this.#zaddOptions(), ...scored()],
      () => ['ZADD', key, ...this.#zaddOptions(), this.float(), this.word()],
      () => ['ZINCRBY', key, this.float(), this.word()],
      () => ['ZREM', key, ...this.words(3)],
      () => [random.pick(['ZPOPMIN', 'ZPOPMAX']), key, ...random.some(50, () => [this.small()])],
      () => [
        'ZMPOP',
        String(keys.length),
        ...keys,
        random.pick(['MIN', 'max']),
        ...random.some(50, () => ['COUNT', this.small()]),
      ],
      () => ['ZREMRANGEBYSCORE', key, this.#score(), this.#score()],
      () => ['ZREMRANGEBYRANK', key, this.small(), this.small()],
      () => ['ZREMRANGEBYLEX', key, this.#lex(), this.#lex()],
      () =>
        this.#range(
          ['ZRANGE', key],
          random.some(50, () => ['WITHSCORES']),
        ),
      () =>
        this.#range(
          ['ZRANGE', key],
          random.some(50, () => ['WITHSCORES']),
        ),
      () => this.#range(['ZRANGESTORE', this.key('zset'), key], []),
      () => ['ZSCORE', key, this.word()],
      () => ['ZMSCORE', key, ...this.words(3)],
      () => ['ZCARD', key],
      () => [random.pick(['ZUNIONSTORE', 'ZINTERSTORE']), key, ...this.#stored(keys)],
      () => ['ZDIFFSTORE', key, String(keys.length), ...keys],
    ])();
  }

  #zaddOptions(): string[] {
    return this.random.times(3, () =>
      this.random.pick(['NX', 'XX', 'GT', 'LT', 'CH', 'INCR', 'ch']),
    );
  }

  #score(): string {
    return this.random.pick(['-inf', '+inf', '0', '(1', '1', '3.1', '(1000', 'x', '10']);
  }

  #lex(): string {
    return this.random.pick(['-', '+', '[b', '(b', '[zz', '(a', 'x', '[']);
  }

  #range(command: string[], last: readonly string[]): string[] {
    const { random } = this;
    const limit = random.some(30, () => ['LIMIT', this.small(), this.small()]);
    const reversed = random.some(30, () => ['REV']);
    const options = [...reversed, ...limit, ...last];
    const kind = random.below(3);
    if (kind === 0) return [...command, this.small(), this.small(), ...reversed, ...last];
    if (kind === 1) return [...command, this.#score(), this.#score(), 'BYSCORE', ...options];
    // With LIMIT, over members of different scores, the engine's answer is arbitrary.
    return [...command, this.#lex(), this.#lex(), 'BYLEX', ...reversed, ...last];
  }

  #stored(keys: readonly string[]): string[] {
    const { random } = this;
    const sources = random.chance(20) ? keys.map(() => this.key('set')) : keys;
    return [
      String(sources.length),
      ...sources,
      ...random.some(30, () => ['WEIGHTS', ...sources.map(() => random.pick(['1', '2', '0.5']))]),
      ...random.some(40, () => ['AGGREGATE', random.pick(['SUM', 'min', 'MAX', 'bad'])]),
    ];
  }

  #listCommand(key: string): string[] {
    const { random } = this;
    const end = () => random.pick(['LEFT', 'RIGHT', 'left', ...random.some(5, () => ['bad'])]);
    return random.pick<() => string[]>([
      () => [random.pick(['LPUSH', 'RPUSH', 'LPUSHX', 'RPUSHX']), key, ...this.words(3)],
      () => ['RPUSH', key, ...this.words(4)],
      () => [random.pick(['LPOP', 'RPOP']), key, ...random.some(50, () => [this.small()])],
      () => ['LLEN', key],
      () => ['LRANGE', key, this.small(), this.small()],
      () => ['LINDEX', key, this.small()],
      () => ['LTRIM', key, this.small(), random.pick(['-1', '5', this.small()])],
      () => ['LSET', key, this.small(), this.word()],
      () => ['LREM', key, this.small(), this.word()],
      () => ['LINSERT', key, random.pick(['BEFORE', 'after', 'x']), this.word(), this.word()],
      () => ['LMOVE', key, this.key('list'), end(), end()],
      () => ['RPOPLPUSH', key, this.key('list')],
    ])();
  }

  #keyCommand(): string[] {
    const { random } = this;
    const key = this.key();
    const flags = () =>
      random.some(40, () => random.times(2, () => random.pick(['NX', 'XX', 'GT', 'LT', 'gt'])));
    return random.pick<() => string[]>([
      () => [random.pick(['DEL', 'UNLINK']), ...random.times(3, () => this.key())],
      () => ['EXISTS', key, this.key()],
      () => ['TYPE', key],
      () => ['PEXPIREAT', key, this.timeMs(), ...flags()],
      () => ['PEXPIREAT', key, this.timeMs(), ...flags()],
      () => ['EXPIREAT', key, this.timeSeconds(), ...flags()],
      () => ['PEXPIREAT', key, this.timeMs(), 'bad'],
      () => ['PERSIST', key],
      () => ['PEXPIRETIME', key],
      () => ['EXPIRETIME', key],
      () => [random.pick(['RENAME', 'RENAMENX']), key, this.key()],
      () => ['COPY', key, this.key(), ...random.some(50, () => ['REPLACE'])],
      () => [random.pick(['PUBLISH', 'SPUBLISH']), this.word(), this.word()],
      () => ['DBSIZE'],
    ])();
  }
}
