// Random commands on lists.

import type { RandomArguments } from './random-arguments.ts';

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
  ])();
}
