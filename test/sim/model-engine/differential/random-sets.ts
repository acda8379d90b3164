// Random commands on sets and sorted sets.

import type { RandomArguments } from './random-arguments.ts';
import { several } from './random-lists.ts';

export function setCommand(make: RandomArguments, key: string): string[] {
  const { random } = make;
  const keys = () => random.times(3, () => make.key('set'));
  return random.pick<() => string[]>([
    () => ['SADD', key, ...make.words(4)],
    () => ['SADD', key, ...make.words(4)],
    () => ['SREM', key, ...make.words(3)],
    () => ['SPOP', key],
    () => ['SPOP', key, random.pick(['0', '1', '2', '3', '30', '-1', 'x'])],
    () => ['SMOVE', key, make.key('set'), make.word()],
    () => ['SMEMBERS', key],
    () => ['SCARD', key],
    () => ['SISMEMBER', key, make.word()],
    () => ['SMISMEMBER', key, ...make.words(3)],
    () => [random.pick(['SUNION', 'SINTER', 'SDIFF']), ...keys()],
    () => [random.pick(['SUNIONSTORE', 'SINTERSTORE', 'SDIFFSTORE']), key, ...keys()],
  ])();
}

export function zsetCommand(make: RandomArguments, key: string): string[] {
  const { random } = make;
  const scored = () => random.times(3, () => [make.float(), make.word()]).flat();
  const keys = random.times(3, () => make.key('zset'));
  return random.pick<() => string[]>([
    () => ['ZADD', key, ...scored()],
    () => ['ZADD', key, ...zaddOptions(make), ...scored()],
    () => ['ZADD', key, ...zaddOptions(make), make.float(), make.word()],
    () => ['ZINCRBY', key, make.float(), make.word()],
    () => ['ZREM', key, ...make.words(3)],
    () => [random.pick(['ZPOPMIN', 'ZPOPMAX']), key, ...random.some(50, () => [make.small()])],
    () => ['ZMPOP', ...several(make, key, 'zset', ['MIN', 'max'])],
    () => ['BZMPOP', make.timeout(), ...several(make, key, 'zset', ['min', 'MAX'])],
    () => [
      ...[random.pick(['BZPOPMIN', 'BZPOPMAX']), key],
      ...random.some(50, () => [make.key('zset')]),
      make.timeout(),
    ],
    () => ['ZREMRANGEBYSCORE', key, score(make), score(make)],
    () => ['ZREMRANGEBYRANK', key, make.small(), make.small()],
    () => ['ZREMRANGEBYLEX', key, lex(make), lex(make)],
    () =>
      range(
        make,
        ['ZRANGE', key],
        random.some(50, () => ['WITHSCORES']),
      ),
    () =>
      range(
        make,
        ['ZRANGE', key],
        random.some(50, () => ['WITHSCORES']),
      ),
    () => range(make, ['ZRANGESTORE', make.key('zset'), key], []),
    () => ['ZSCORE', key, make.word()],
    () => ['ZMSCORE', key, ...make.words(3)],
    () => ['ZCARD', key],
    () => [random.pick(['ZUNIONSTORE', 'ZINTERSTORE']), key, ...stored(make, keys)],
    () => ['ZDIFFSTORE', key, String(keys.length), ...keys],
  ])();
}

function zaddOptions(make: RandomArguments): string[] {
  return make.random.times(3, () => make.random.pick(['NX', 'XX', 'GT', 'LT', 'CH', 'INCR', 'ch']));
}

function score(make: RandomArguments): string {
  return make.random.pick(['-inf', '+inf', '0', '(1', '1', '3.1', '(1000', 'x', '10']);
}

function lex(make: RandomArguments): string {
  return make.random.pick(['-', '+', '[b', '(b', '[zz', '(a', 'x', '[']);
}

function range(make: RandomArguments, command: string[], last: readonly string[]): string[] {
  const { random } = make;
  const limit = random.some(30, () => ['LIMIT', make.small(), make.small()]);
  const reversed = random.some(30, () => ['REV']);
  const options = [...reversed, ...limit, ...last];
  const kind = random.below(3);
  if (kind === 0) return [...command, make.small(), make.small(), ...reversed, ...last];
  if (kind === 1) return [...command, score(make), score(make), 'BYSCORE', ...options];
  // With LIMIT, over members of different scores, the engine's answer is arbitrary.
  return [...command, lex(make), lex(make), 'BYLEX', ...reversed, ...last];
}

function stored(make: RandomArguments, keys: readonly string[]): string[] {
  const { random } = make;
  const sources = random.chance(20) ? keys.map(() => make.key('set')) : keys;
  return [
    String(sources.length),
    ...sources,
    ...random.some(30, () => ['WEIGHTS', ...sources.map(() => random.pick(['1', '2', '0.5']))]),
    ...random.some(40, () => ['AGGREGATE', random.pick(['SUM', 'min', 'MAX', 'bad'])]),
  ];
}
