// Random commands on streams and their consumer groups. IDs given by hand mostly ascend, and commands that name
// entries name recent ones.

import type { RandomArguments } from './random-arguments.ts';

const BIG_VALUE_BYTES = 1500;

export function streamCommand(make: RandomArguments, key: string): string[] {
  const { random } = make;
  const pick = random.below(100);
  if (pick < 30) return addCommand(make, key);
  if (pick < 55) return entryCommand(make, key);
  if (pick < 70) return groupCommand(make, key);
  return deliveryCommand(make, key);
}

export function addCommand(make: RandomArguments, key: string): string[] {
  const { random } = make;
  const pairs = random.times(3, () => [random.pick(['a', 'a', 'b', '7', '']), value(make)]).flat();
  return [
    'XADD',
    key,
    ...random.some(10, () => ['NOMKSTREAM']),
    ...random.some(12, () => trim(make)),
    newId(make, key),
    ...(random.chance(60) ? ['f', value(make)] : pairs),
    ...random.some(1, () => ['odd']),
  ];
}

function value(make: RandomArguments): string {
  const { random } = make;
  if (random.chance(4)) return 'x'.repeat(random.below(BIG_VALUE_BYTES));
  return random.chance(50) ? make.word() : make.integer();
}

/** One of the keys gets the IDs that the engine makes up. */
function newId(make: RandomArguments, key: string): string {
  const { random } = make;
  if (key.endsWith('0') || random.below(400) === 0) return '*';
  if (random.chance(3)) return random.pick(['0-0', '0-*', '5-*', 'x', '1-1', '-', '1-x', '3-1-1']);
  const ms = make.nextNumber();
  if (random.chance(60)) return `${ms}-1`;
  return random.pick([`${ms}`, `${ms}-*`, `${ms - 1}-*`, `${ms}-${random.below(3)}`]);
}

function oldId(make: RandomArguments): string {
  const { random } = make;
  if (random.chance(3))
    return random.pick(['x', '', '18446744073709551615', '+1-1', '1--1', '007']);
  const ms = make.lastNumber - random.below(random.chance(80) ? 12 : 60);
  return random.chance(75) ? `${ms}-1` : random.pick([`${ms}`, `${ms}-0`, `${ms}-2`]);
}

function trim(make: RandomArguments): string[] {
  const { random } = make;
  const operator = random.some(75, () => [random.pick(['=', '~', '~'])]);
  const threshold = random.chance(60)
    ? [
        'MAXLEN',
        ...operator,
        random.pick([
          '1',
          '5',
          '30',
          '50',
          '100',
          '150',
          ...random.some(20, () => ['0', 'x', '-1']),
        ]),
      ]
    : ['minid', ...operator, oldId(make)];
  const limit = random.some(25, () => ['LIMIT', random.pick(['0', '1', '50', '100', '250', '-1'])]);
  return [...threshold, ...limit];
}

function bound(make: RandomArguments, open: '-' | '+'): string {
  const { random } = make;
  return random.pick([open, open, oldId(make), `(${oldId(make)}`]);
}

function entryCommand(make: RandomArguments, key: string): string[] {
  const { random } = make;
  const count = () => random.some(50, () => ['COUNT', random.pick(['0', '1', '3', '-1', '40'])]);
  return random.pick<() => string[]>([
    () => ['XDEL', key, ...random.times(4, () => oldId(make))],
    () => ['XDEL', key, ...random.times(10, () => oldId(make))],
    () => ['XTRIM', key, ...trim(make)],
    () => ['XTRIM', key, ...trim(make)],
    () => ['XLEN', key],
    () => ['XRANGE', key, bound(make, '-'), bound(make, '+'), ...count()],
    () => ['XREVRANGE', key, bound(make, '+'), bound(make, '-'), ...count()],
    () => ['XSETID', key, setId(make), ...setIdOptions(make)],
    () => [
      'XREAD',
      ...random.some(50, () => ['COUNT', random.pick(['0', '2', '-1'])]),
      ...random.some(3, () => ['BLOCK', random.pick(['1', '-1', 'x'])]),
      ...random.some(2, () => [random.pick(['NOACK', 'bad'])]),
      'STREAMS',
      ...[key, make.key('stream')],
      ...[random.pick(['$', '0', '0', oldId(make)]), random.pick(['0', '$', oldId(make), '>'])],
    ],
    () => ['XINFO', 'STREAM', key, ...random.some(50, () => full(make))],
    () => ['XINFO', random.pick(['GROUPS', 'groups', 'bad', 'CONSUMERS']), key],
    () => (random.chance(20) ? ['DEL', key] : ['XLEN', key]),
  ])();
}

function setId(make: RandomArguments): string {
  const last = make.lastNumber;
  if (make.random.chance(2)) return '9999999999999-1';
  return make.random.pick([oldId(make), `${last}-5`, `${last}-1`]);
}

function setIdOptions(make: RandomArguments): string[] {
  const { random } = make;
  return [
    ...random.some(30, () => ['ENTRIESADDED', random.pick(['0', '3', '50', '1000', '-1', 'x'])]),
    ...random.some(30, () => ['MAXDELETEDID', random.chance(70) ? oldId(make) : '0-0']),
  ];
}

function full(make: RandomArguments): string[] {
  const { random } = make;
  return ['FULL', ...random.some(50, () => ['COUNT', random.pick(['0', '1', '5', '-2', 'x'])])];
}

function group(make: RandomArguments): string {
  return make.random.pick(['g', 'g', 'g', 'g', 'h', 'i']);
}

function consumer(make: RandomArguments): string {
  return make.random.pick(['alice', 'bob', 'carol']);
}

function groupCommand(make: RandomArguments, key: string): string[] {
  const { random } = make;
  const read = () =>
    random.some(20, () => ['ENTRIESREAD', random.pick(['0', '2', '-1', '-2', 'x'])]);
  const position = () => random.pick(['$', '0', '0', oldId(make), '+', '-']);
  return random.pick<() => string[]>([
    () => ['XGROUP', 'CREATE', key, group(make), random.pick(['$', '0', '0', oldId(make)])],
    () => [
      ...['XGROUP', 'CREATE', key, group(make), position()],
      ...random.some(80, () => ['MKSTREAM']),
      ...read(),
    ],
    () => ['XGROUP', 'SETID', key, group(make), position(), ...read()],
    () => [
      'XGROUP',
      random.pick(['DESTROY', 'CREATECONSUMER', 'createconsumer']),
      key,
      group(make),
    ],
    () => ['XGROUP', 'CREATECONSUMER', key, group(make), consumer(make)],
    () => ['XGROUP', random.pick(['DELCONSUMER', 'bad']), key, group(make), consumer(make)],
    () => ['XINFO', 'CONSUMERS', key, group(make)],
    () => ['XINFO', 'GROUPS', key],
  ])();
}

function deliveryCommand(make: RandomArguments, key: string): string[] {
  const { random } = make;
  const count = () => random.some(60, () => ['COUNT', random.pick(['1', '2', '3', '10', '0'])]);
  const idle = () => random.pick(['0', '0', '3600000', '-5', ...random.some(5, () => ['x'])]);
  return random.pick<() => string[]>([
    () => readGroupCommand(make, key),
    () => readGroupCommand(make, key),
    () => readGroupCommand(make, key),
    () => ['XACK', key, group(make), ...random.times(12, () => oldId(make))],
    () => [
      ...['XCLAIM', key, group(make), consumer(make), idle()],
      ...random.times(9, () => oldId(make)),
      ...claimOptions(make),
    ],
    () => [
      ...['XAUTOCLAIM', key, group(make), consumer(make), idle()],
      random.pick(['0', '-', oldId(make), `(${oldId(make)}`]),
      ...count(),
      ...random.some(30, () => ['JUSTID']),
    ],
    () => ['XPENDING', key, group(make)],
    () => [
      ...['XPENDING', key, group(make)],
      ...random.some(30, () => ['IDLE', idle()]),
      ...[bound(make, '-'), bound(make, '+'), random.pick(['1', '3', '100', '-1', 'x'])],
      ...random.some(30, () => [consumer(make)]),
    ],
  ])();
}

function readGroupCommand(make: RandomArguments, key: string): string[] {
  const { random } = make;
  const start = () =>
    random.chance(2) ? '$' : random.pick(['>', '>', '>', '>', '0', oldId(make)]);
  const streams = random.chance(80)
    ? [key, start()]
    : [key, make.key('stream'), start(), random.pick(['>', '0'])];
  return [
    ...['XREADGROUP', 'GROUP', group(make), consumer(make)],
    ...random.some(60, () => ['COUNT', random.pick(['1', '2', '10', '20', '0'])]),
    ...random.some(3, () => ['BLOCK', random.pick(['1', '-1', 'x'])]),
    ...random.some(25, () => ['NOACK']),
    ...['STREAMS', ...streams],
  ];
}

function claimOptions(make: RandomArguments): string[] {
  const { random } = make;
  return [
    ...random.some(20, () => ['TIME', random.pick(['1000', '1000', '-1', '9999999999999', 'x'])]),
    ...random.some(15, () => ['IDLE', random.pick(['0', '7200000', '-1', 'x'])]),
    ...random.some(20, () => ['RETRYCOUNT', random.pick(['0', '3', '-1', '9007199254740993'])]),
    ...random.some(40, () => ['FORCE']),
    ...random.some(40, () => ['JUSTID']),
    ...random.some(15, () => ['LASTID', oldId(make)]),
    ...random.some(2, () => ['bad']),
  ];
}
