// Random commands on lists.

import type { KeyType, RandomArguments } from './random-arguments.ts';

export function listCommand(make: RandomArguments, key: string): string[] {
  const { random } = make;
  const end = () => random.pick(['LEFT', 'RIGHT', 'left', ...random.some(5, () => ['bad'])]);
  return random.pick<() => string[]>([
    () => [random.pick(['LPUSH', 'RPUSH', 'LPUSHX', 'RPUSHX']), key, ...make.words(3)],
    () => ['RPUSH', key, ...make.words(4)],
    () => [random.pick(['LPOP', 'RPOP']), key, ...random.some(50, () => [make.small()])],
    () => ['LLEN', key],
    () => ['LRANGE', key, make.small(), make.small()],
    () => ['LINDEX', key, make.small()],
    () => ['LTRIM', key, make.small(), random.pick(['-1', '5', make.small()])],
    () => ['LSET', key, make.small(), make.word()],
    () => ['LREM', key, make.small(), make.word()],
    () => ['LINSERT', key, random.pick(['BEFORE', 'after', 'x']), make.word(), make.word()],
    () => ['LMOVE', key, make.key('list'), end(), end()],
    () => ['RPOPLPUSH', key, make.key('list')],
    () => ['LPOS', key, make.word(), ...positionOptions(make)],
    () => [random.pick(['LMPOP', 'lmpop']), ...several(make, key, 'list', ['LEFT', 'right'])],
    () => ['BLMPOP', make.timeout(), ...several(make, key, 'list', ['left', 'RIGHT'])],
    () => [
      ...[random.pick(['BLPOP', 'BRPOP']), key],
      ...random.some(50, () => [make.key('list')]),
      make.timeout(),
    ],
    () => ['BLMOVE', key, make.key('list'), end(), end(), make.timeout()],
    () => ['BRPOPLPUSH', key, make.key('list'), make.timeout()],
  ])();
}

function positionOptions(make: RandomArguments): string[] {
  const { random } = make;
  return [
    ...random.some(50, () => ['RANK', random.pick(['1', '2', '-1', '-2', '0', 'x'])]),
    ...random.some(50, () => ['COUNT', random.pick(['0', '1', '2', '-1', 'x'])]),
    ...random.some(30, () => ['MAXLEN', random.pick(['0', '2', '3', '-1'])]),
    ...random.some(2, () => ['bad']),
  ];
}

/** numkeys key ... where [COUNT n] */
export function several(
  make: RandomArguments,
  key: string,
  type: KeyType,
  wheres: readonly string[],
): string[] {
  const { random } = make;
  const keys = [...random.some(40, () => random.times(2, () => make.key(type))), key];
  return [
    random.chance(97) ? String(keys.length) : random.pick(['0', '-1', 'x', '5']),
    ...keys,
    random.chance(98) ? random.pick(wheres) : 'bad',
    ...random.some(50, () => ['COUNT', random.pick(['1', '2', '3', '100', make.small()])]),
    ...random.some(2, () => ['bad']),
  ];
}
