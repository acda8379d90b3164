// Random commands on strings, counters and hashes.

import type { RandomArguments } from './random-arguments.ts';

export function stringCommand(make: RandomArguments, key: string): string[] {
  const other = make.key('string');
  return make.random.pick<() => string[]>([
    () => ['GET', key],
    () => ['SET', key, make.word(), ...setOptions(make)],
    () => ['SET', key, make.word(), ...setOptions(make)],
    () => ['SETNX', key, make.word()],
    () => ['GETSET', key, make.word()],
    () => ['GETDEL', key],
    () => ['GETEX', key, ...getexOptions(make)],
    () => ['MSET', key, make.word(), other, make.word()],
    () => ['MSETNX', key, make.word(), other, make.word()],
    () => ['MGET', key, other, make.key()],
    () => ['APPEND', key, make.word()],
    () => ['SETRANGE', key, make.small(), make.random.pick(['', 'xy', 'q'])],
    () => ['GETRANGE', key, make.small(), make.small()],
    () => ['STRLEN', key],
  ])();
}

function setOptions(make: RandomArguments): string[] {
  const { random } = make;
  return [
    ...random.some(20, () => [random.pick(['NX', 'XX', 'nx'])]),
    ...random.some(20, () => ['GET']),
    ...random.some(20, () => ['KEEPTTL']),
    ...random.some(15, () => ['PXAT', make.timeMs()]),
    ...random.some(15, () => ['EXAT', make.timeSeconds()]),
    ...random.some(5, () => [random.pick(['GET', 'XX', 'get', 'EX', 'bad'])]),
  ];
}

function getexOptions(make: RandomArguments): string[] {
  const { random } = make;
  return [
    ...random.some(20, () => ['PERSIST']),
    ...random.some(30, () => ['PXAT', make.timeMs()]),
    ...random.some(20, () => ['EXAT', make.timeSeconds()]),
    ...random.some(3, () => ['bad']),
  ];
}

export function counterCommand(make: RandomArguments, key: string): string[] {
  return make.random.pick<() => string[]>([
    () => ['INCR', key],
    () => ['DECR', key],
    () => ['INCRBY', key, make.integer()],
    () => ['DECRBY', key, make.integer()],
    () => ['INCRBYFLOAT', key, make.decimal()],
    () => ['INCRBYFLOAT', key, make.decimal()],
    () => ['SET', key, make.integer()],
    () => ['SET', key, make.decimal()],
    () => ['GET', key],
  ])();
}

export function hashCommand(make: RandomArguments, key: string): string[] {
  const pairs = () => make.random.times(3, () => [make.word(), make.word()]).flat();
  return make.random.pick<() => string[]>([
    () => ['HSET', key, ...pairs()],
    () => ['HSET', key, ...pairs()],
    () => ['HMSET', key, ...pairs()],
    () => ['HSET', key, make.word(), make.decimal()],
    () => ['HSETNX', key, make.word(), make.word()],
    () => ['HGET', key, make.word()],
    () => ['HMGET', key, ...make.words(3)],
    () => ['HGETALL', key],
    () => ['HKEYS', key],
    () => ['HVALS', key],
    () => ['HEXISTS', key, make.word()],
    () => ['HDEL', key, ...make.words(4)],
    () => ['HINCRBY', key, make.random.pick(['n', 'm']), make.integer()],
    () => ['HINCRBYFLOAT', key, make.random.pick(['n', 'm', 'f']), make.decimal()],
    () => ['HLEN', key],
  ])();
}
