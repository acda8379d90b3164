// Random commands on strings as bitmaps and as HyperLogLogs.

import type { RandomArguments } from './random-arguments.ts';

const ELEMENTS = 40_000;
const OFFSETS = 120;

export function bitmapCommand(make: RandomArguments, key: string): string[] {
  const { random } = make;
  const bit = () => random.pick(['0', '1', '1', ...random.some(5, () => ['2', '-1', 'x'])]);
  const unit = () => random.some(50, () => [random.pick(['BIT', 'byte', 'BYTE', 'bad'])]);
  const range = () => [position(make), position(make)];
  return random.pick<() => string[]>([
    () => ['SETBIT', key, offset(make), bit()],
    () => ['SETBIT', key, offset(make), bit()],
    () => ['GETBIT', key, offset(make)],
    () => ['BITCOUNT', key, ...random.some(70, () => [...range(), ...unit()])],
    () => ['BITPOS', key, bit(), ...random.some(30, () => [position(make)])],
    () => ['BITPOS', key, bit(), ...range(), ...unit()],
    () => [
      'BITOP',
      random.pick(['AND', 'or', 'XOR', 'NOT', ...random.some(5, () => ['bad'])]),
      ...[key, make.key('bitmap')],
      ...random.some(60, () => random.times(3, () => make.key(random.pick(['bitmap', 'string'])))),
    ],
    () => ['BITFIELD', key, ...fields(make)],
    () => ['BITFIELD', key, ...fields(make)],
    () => [
      'BITFIELD_RO',
      key,
      ...random.times(2, () => ['GET', fieldType(make), offset(make)]).flat(),
    ],
    () => ['BITFIELD_RO', key, ...fields(make)],
    () => ['SET', key, random.pick(['\xff\xff', '\x00\x0f\x80', 'abc'])],
    () => ['GET', key],
  ])();
}

function offset(make: RandomArguments): string {
  const { random } = make;
  if (random.chance(2)) return random.pick(['-1', 'x', '4294967296', '', '#1', '1.5']);
  return String(random.below(random.chance(80) ? 24 : OFFSETS));
}

/** In bytes or in bits. */
function position(make: RandomArguments): string {
  return make.random.chance(70) ? make.small() : String(make.random.below(40) - 20);
}

function fieldType(make: RandomArguments): string {
  const { random } = make;
  if (random.chance(2)) return random.pick(['u64', 'i65', 'u0', 'x8', 'i', 'u-1']);
  return random.pick(['u1', 'u8', 'i8', 'u5', 'i4', 'i64', 'u63', 'i63', 'u32', 'i16', 'i1']);
}

function fields(make: RandomArguments): string[] {
  const { random } = make;
  const place = () => (random.chance(20) ? `#${random.below(6)}` : offset(make));
  const operand = () => random.pick(['255', '-128', '3', make.integer(), make.integer()]);
  return random
    .times(3, () =>
      random.pick<() => string[]>([
        () => ['GET', fieldType(make), place()],
        () => ['SET', fieldType(make), place(), operand()],
        () => ['INCRBY', fieldType(make), place(), operand()],
        () => ['incrby', fieldType(make), place(), operand()],
        () => ['OVERFLOW', random.pick(['WRAP', 'sat', 'SAT', 'FAIL', 'FAIL'])],
        () => random.some(5, () => [random.pick(['bad', 'GET', 'OVERFLOW'])]) as string[],
      ])(),
    )
    .flat();
}

export function hyperLogLogCommand(make: RandomArguments, key: string): string[] {
  const { random } = make;
  const logs = () => random.times(3, () => make.key('hyperloglog'));
  const elements = (most: number) => random.times(most, () => element(make));
  return random.pick<() => string[]>([
    () => ['PFADD', key, ...elements(4)],
    () => ['PFADD', key, ...elements(random.chance(10) ? 1500 : 60)],
    () => ['PFADD', key, ...make.words(2)],
    () => ['PFADD', key],
    () => ['PFCOUNT', key],
    () => ['PFCOUNT', key],
    () => ['PFCOUNT', key, ...logs()],
    () => ['PFMERGE', key, ...random.some(90, logs)],
    () => ['GET', key],
    () => [random.chance(10) ? 'DEL' : 'GET', key],
  ])();
}

/** Elements of all lengths, as the hash takes eight bytes at a time. */
function element(make: RandomArguments): string {
  const number = make.random.below(ELEMENTS);
  return number % 5 === 0 ? `element-${'x'.repeat(number % 17)}-${number}` : String(number);
}
