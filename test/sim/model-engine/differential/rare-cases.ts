// Cases that chance seldom meets, each a run of commands.

import type { Step } from './lockstep.ts';
import { Random } from './random-arguments.ts';
import { only } from './random-scenarios.ts';

const HYPERLOGLOG_ELEMENTS = 1800;
const HYPERLOGLOG_HEADER = [...Buffer.from('HYLL'), 1, 0, 0, 0, ...new Array<number>(8).fill(0)];
const CLAIMABLE_ENTRIES = 40;
/** Three nodes and the beginning of another. */
const NODE_FILLING_ENTRIES = 350;

export function rareCases(): Readonly<Record<string, Step[]>> {
  return {
    'a HyperLogLog that grows from one element to the dense encoding': growingHyperLogLog(),
    'HyperLogLogs whose registers come in order, so that runs are joined': mergedHyperLogLogs(),
    'HyperLogLogs with long runs of equal registers': equalRegisters(),
    'trims of a stream of several nodes': trimmedNodes(),
    'what those who watch a stream are told of': watchedStreams(),
    'XAUTOCLAIM that passes over entries which are not idle': claimPassingOver(),
    'entries that are deleted, and added again with the IDs of deleted ones': readdedEntries(),
    'a node of a stream without live entries': nodeOfTheDead(),
  };
}

function growingHyperLogLog(): Step[] {
  const commands = [['DEL', 'p']];
  for (let i = 0; i < HYPERLOGLOG_ELEMENTS; i++) {
    commands.push(['PFADD', 'p', `e${i}`], ['GET', 'p']);
    if (i % 50 === 0) commands.push(['PFCOUNT', 'p']);
  }
  return only(0, [...commands, ['DEL', 'p']]);
}

/** PFMERGE sets the registers one after the other. */
function mergedHyperLogLogs(): Step[] {
  const commands: string[][] = [];
  for (let i = 0; i < 12; i++) {
    const elements = (first: string) => Array.from({ length: 70 * i }, (_, j) => first + j);
    commands.push(
      ['DEL', 'p', 'q', 'r'],
      ...[
        ['PFADD', 'p', ...elements('a')],
        ['PFADD', 'q', ...elements('b')],
      ],
      ...[
        ['PFMERGE', 'r', 'p', 'q'],
        ['GET', 'r'],
        ['PFCOUNT', 'p', 'q'],
        ['PFCOUNT', 'r'],
      ],
    );
  }
  return only(0, [...commands, ['DEL', 'p', 'q', 'r']]);
}

/** Registers of small values in runs, in a HyperLogLog put together by hand; then merged into another. */
function equalRegisters(): Step[] {
  const random = new Random(1);
  const crafted = () => {
    const runs: number[] = [];
    let registers = 0;
    while (registers < 900) {
      const length = 1 + random.below(4);
      const value = random.below(3);
      runs.push(value === 0 ? length - 1 : 0x80 | ((value - 1) << 2) | (length - 1));
      registers += length;
    }
    const rest = 16384 - registers - 1;
    return latin1([...HYPERLOGLOG_HEADER, ...runs, 0x40 | (rest >> 8), rest & 0xff]);
  };
  const merge = () => [
    ...[
      ['SET', 'p', crafted()],
      ['SET', 'q', crafted()],
      ['PFCOUNT', 'p'],
    ],
    ...[
      ['DEL', 'r'],
      ['PFMERGE', 'r', 'p'],
      ['GET', 'r'],
      ['PFMERGE', 'r', 'q'],
      ['GET', 'r'],
    ],
    ...[
      ['PFADD', 'r', ...Array.from({ length: 40 }, (_, i) => `e${i}`)],
      ['GET', 'r'],
    ],
  ];
  return only(0, [...merge(), ...merge(), ...merge(), ['DEL', 'p', 'q', 'r']]);
}

function latin1(bytes: readonly number[]): string {
  return Buffer.from(bytes).toString('latin1');
}

function trimmedNodes(): Step[] {
  const filled = [['DEL', 's']];
  for (let i = 1; i <= NODE_FILLING_ENTRIES; i++) filled.push(['XADD', 's', `${i}-1`, 'f', 'v']);
  const trims = [
    ...[['~', '1'], ['~', '300'], ['~', '170'], ['=', '170'], ['170']].map((operator) => [
      'MAXLEN',
      ...operator,
    ]),
    ...['0', '99', '100', '250', '1000'].map((limit) => ['MAXLEN', '~', '1', 'LIMIT', limit]),
    ...[['~', '202'], ['~', '301'], ['202'], ['~', '9999']].map((id) => ['MINID', ...id]),
    ['MINID', '~', '9999', 'LIMIT', '200'],
  ];
  const commands = trims.flatMap((trim) => [
    ...[...filled, ['XTRIM', 's', ...trim], ['XINFO', 'STREAM', 's']],
    ...[
      ['XADD', 's', ...trim, '5000-1', 'f', 'v'],
      ['XINFO', 'STREAM', 's'],
    ],
  ]);
  return only(0, [...commands, ['DEL', 's']]);
}

function watchedStreams(): Step[] {
  const before = [
    ['DEL', 's'],
    ['XADD', 's', '1-1', 'f', 'v'],
    ['XADD', 's', '2-1', 'f', 'v'],
    ['XGROUP', 'CREATE', 's', 'g', '0'],
    ['XREADGROUP', 'GROUP', 'g', 'a', 'COUNT', '1', 'STREAMS', 's', '>'],
  ];
  const changes = [
    ['XADD', 's', '3-1', 'f', 'v'],
    ['XADD', 's', '1-1', 'f', 'v'],
    ['XDEL', 's', '1-1'],
    ['XDEL', 's', '9-1'],
    ['XTRIM', 's', 'MAXLEN', '1'],
    ['XTRIM', 's', 'MAXLEN', '~', '1'],
    ['XSETID', 's', '9-1'],
    ['XACK', 's', 'g', '1-1'],
    ['XCLAIM', 's', 'g', 'b', '0', '1-1'],
    ['XAUTOCLAIM', 's', 'g', 'b', '0', '-'],
    ['XREADGROUP', 'GROUP', 'g', 'b', 'STREAMS', 's', '>'],
    ['XGROUP', 'CREATE', 's', 'h', '$'],
    ['XGROUP', 'CREATE', 's', 'h', '$', 'MKSTREAM'],
    ['XGROUP', 'SETID', 's', 'g', '0'],
    ['XGROUP', 'CREATECONSUMER', 's', 'g', 'c'],
    ['XGROUP', 'DELCONSUMER', 's', 'g', 'a'],
    ['XGROUP', 'DESTROY', 's', 'g'],
  ];
  const missing = [['XGROUP', 'CREATE', 'm', 'g', '$', 'MKSTREAM']];
  const strings = [
    ['SETBIT', 'b', '3', '1'],
    ['SETBIT', 'b', '3', '0'],
    ['BITFIELD', 'b', 'OVERFLOW', 'FAIL', 'SET', 'u2', '0', '9'],
    ['BITFIELD', 'm', 'OVERFLOW', 'FAIL', 'SET', 'u2', '0', '9'],
    ['PFADD', 'p', 'x'],
    ['PFADD', 'p', 'y'],
    ['PFCOUNT', 'p'],
  ];
  const watched = (change: string[], setUp: string[][]) => [
    ...only(0, [...setUp, ['WATCH', 's', 'm', 'b', 'p']]),
    ...only(1, [change]),
    ...only(0, [['MULTI'], ['PING'], ['EXEC'], ['GET', 'm']]),
  ];
  const setUpStrings = [
    ['DEL', 'm', 'b', 'p'],
    ['SET', 'b', 'a'],
    ['PFADD', 'p', 'x'],
  ];
  return [
    ...changes.flatMap((change) => watched(change, before)),
    ...missing.flatMap((change) => watched(change, [['DEL', 'm']])),
    ...strings.flatMap((change) => watched(change, setUpStrings)),
    ...only(0, [['DEL', 's', 'm', 'b', 'p']]),
  ];
}

function claimPassingOver(): Step[] {
  const commands = [
    ['DEL', 's'],
    ['XGROUP', 'CREATE', 's', 'g', '0', 'MKSTREAM'],
  ];
  for (let i = 1; i <= CLAIMABLE_ENTRIES; i++) commands.push(['XADD', 's', `${i}-1`, 'f', 'v']);
  commands.push(
    ['XREADGROUP', 'GROUP', 'g', 'a', 'STREAMS', 's', '>'],
    ['XAUTOCLAIM', 's', 'g', 'b', '3600000', '-', 'COUNT', '1'],
    ['XAUTOCLAIM', 's', 'g', 'b', '3600000', '12', 'COUNT', '2'],
    ['XCLAIM', 's', 'g', 'a', '0', '15-1', '30-1', 'TIME', '1000'],
    ['XAUTOCLAIM', 's', 'g', 'b', '3600000', '-', 'COUNT', '2'],
    ['XDEL', 's', '3-1', '4-1', '17-1'],
    ['XAUTOCLAIM', 's', 'g', 'b', '3600000', '-', 'COUNT', '2', 'JUSTID'],
    ['XAUTOCLAIM', 's', 'g', 'b', '0', '10', 'COUNT', '5'],
    ['XPENDING', 's', 'g'],
    ['DEL', 's'],
  );
  return only(0, commands);
}

const SHOW = [
  ['XINFO', 'STREAM', 's', 'FULL'],
  ['XINFO', 'GROUPS', 's'],
  ['XRANGE', 's', '-', '+'],
  ['XREVRANGE', 's', '+', '-'],
];

function readdedEntries(): Step[] {
  const add = (id: string) => ['XADD', 's', id, 'f', id];
  const commands = [
    ...[['DEL', 's'], add('1-1'), add('2-1'), add('4-1'), add('5-1')],
    ...[['XGROUP', 'CREATE', 's', 'g', '1-1', 'ENTRIESREAD', '1'], ...SHOW],
    ['XGROUP', 'CREATE', 's', 'h', '4-1', 'ENTRIESREAD', '3'],
    // A late entry is put where it belongs.
    ...[['XDEL', 's', '4-1', '5-1'], ['XSETID', 's', '2-1'], add('3-1'), add('4-1'), add('5-1')],
    ...[...SHOW, ['XRANGE', 's', '3', '4'], ['XREVRANGE', 's', '4', '3']],
    ...[['XDEL', 's', '1-1', '2-1', '3-1'], ...SHOW, ['XSETID', 's', '9-1', 'MAXDELETEDID', '4-1']],
    ...[...SHOW, ['XTRIM', 's', 'MINID', '~', '5'], ['XTRIM', 's', 'MINID', '5'], ...SHOW],
    ...[['XREADGROUP', 'GROUP', 'g', 'a', 'STREAMS', 's', '>'], ...SHOW],
    ['DEL', 's'],
  ];
  return only(0, commands);
}

function nodeOfTheDead(): Step[] {
  const add = (id: string) => ['XADD', 's', id, 'f', id];
  const commands = [
    ...[['DEL', 's'], add('1-1'), add('2-1'), add('3-1'), ['XDEL', 's', '3-1']],
    ...[['XTRIM', 's', 'MINID', '3-1'], ...SHOW, ['XSETID', 's', '0-5'], add('0-7'), add('2-5')],
    ...[...SHOW, ['XTRIM', 's', 'MINID', '~', '1'], ['XDEL', 's', '0-7', '2-5'], ...SHOW],
    ...[['XADD', 's', 'MINID', '~', '99', '7-1', 'f', 'v'], ...SHOW, ['DEL', 's']],
  ];
  return only(0, commands);
}
