import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RdbPart, RdbSplitter } from './splitter.ts';

const NAMES = new Map(Object.entries(RdbPart).map(([name, part]) => [part, name]));

interface Outcome {
  /** Kind and bytes of each part that ended. */
  readonly parts: readonly [name: string | undefined, hex: string][];
  readonly rest: string;
  readonly reason: string | undefined;
}

function split(bytes: Buffer, sizes: readonly number[] = []): Outcome {
  const splitter = new RdbSplitter();
  const parts: [string | undefined, string][] = [];
  let since = Buffer.alloc(0);
  let fed = 0;
  for (let i = 0; fed < bytes.length; i++) {
    const chunk = bytes.subarray(fed, fed + (sizes[i % sizes.length] ?? bytes.length));
    fed += chunk.length;
    splitter.feed(chunk);
    let from = 0;
    for (;;) {
      const part = splitter.next();
      since = Buffer.concat([since, chunk.subarray(from, splitter.at)]);
      from = splitter.at;
      if (part === RdbPart.none) break;
      parts.push([NAMES.get(part), since.toString('hex')]);
      since = Buffer.alloc(0);
    }
    assert.equal(from, chunk.length, 'all of a chunk is passed over');
  }
  return { parts, rest: since.toString('hex'), reason: splitter.reason };
}

const bytes = (...parts: (string | number | number[])[]): Buffer =>
  Buffer.concat(
    parts.map((part) =>
      typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from([part].flat()),
    ),
  );

const END = bytes(255, [1, 2, 3, 4, 5, 6, 7, 8]);
const raw = (count: number): number[] => new Array<number>(count).fill(0xee);

/** Type, key and value of one key, as the pieces that must come out of it. */
const VALUES: readonly {
  name: string;
  magic?: string;
  pieces: readonly [kind: 'head' | 'element' | 'value', bytes: Buffer][];
}[] = [
  { name: 'a string', pieces: [['value', bytes(0, 1, 'k', 3, 'abc')]] },
  { name: 'an empty string', pieces: [['value', bytes(0, 1, 'k', 0)]] },
  { name: 'a string of one byte as a number', pieces: [['value', bytes(0, 1, 'k', 0xc0, 7)]] },
  { name: 'a number of two bytes', pieces: [['value', bytes(0, 1, 'k', 0xc1, 7, 1)]] },
  { name: 'a number of four bytes', pieces: [['value', bytes(0, 1, 'k', 0xc2, raw(4))]] },
  { name: 'a key that is a number', pieces: [['value', bytes(0, 0xc0, 5, 0xc2, raw(4))]] },
  {
    name: 'a compressed string',
    pieces: [['value', bytes(0, 1, 'k', 0xc3, 0x40, 70, 0x80, 0, 0, 2, 0, raw(70))]],
  },
  { name: 'a length of 14 bits', pieces: [['value', bytes(0, 1, 'k', 0x41, 0, raw(256))]] },
  {
    name: 'a length of 64 bits',
    pieces: [['value', bytes(0, 1, 'k', 0x81, raw(0), [0, 0, 0, 0, 0, 0, 0, 2], 'ab')]],
  },
  {
    name: 'a list of nodes',
    pieces: [
      ['head', bytes(18, 1, 'k', 2)],
      ['element', bytes(2, 3, 'abc')],
      ['element', bytes(1, 2, 'de')],
      ['value', bytes()],
    ],
  },
  {
    name: 'a set in a hash table',
    pieces: [
      ['head', bytes(2, 1, 'k', 2)],
      ['element', bytes(1, 'a')],
      ['element', bytes(0xc0, 1)],
      ['value', bytes()],
    ],
  },
  {
    name: 'a sorted set with decimals',
    pieces: [
      ['head', bytes(3, 1, 'k', 2)],
      ['element', bytes(1, 'a', 3, '1.5')],
      ['element', bytes(1, 'b', 254)],
      ['value', bytes()],
    ],
  },
  {
    name: 'a sorted set',
    pieces: [
      ['head', bytes(5, 1, 'k', 1)],
      ['element', bytes(1, 'a', raw(8))],
      ['value', bytes()],
    ],
  },
  ...[11, 16, 17, 20, 23].map((type) => ({
    name: `a packed value of type ${type}`,
    pieces: [['value', bytes(type, 1, 'k', 4, 'pack')] as ['value', Buffer]],
  })),
  { name: 'packed fields that expire', pieces: [['value', bytes(25, 1, 'k', raw(8), 2, 'lp')]] },
  {
    name: 'a hash whose fields expire',
    pieces: [
      ['head', bytes(24, 1, 'k', raw(8), 1)],
      ['element', bytes(0x41, 9, 1, 'f', 1, 'v')],
      ['value', bytes()],
    ],
  },
  {
    name: 'a hash whose fields expire, of Valkey',
    magic: 'VALKEY080',
    pieces: [
      ['head', bytes(22, 1, 'k', 1)],
      ['element', bytes(1, 'f', 1, 'v', raw(8))],
      ['value', bytes()],
    ],
  },
  {
    name: 'a stream',
    pieces: [
      ['head', bytes(15, 1, 'k', 1)],
      ['element', bytes(16, raw(16), 3, 'lpk')],
      // Length, last ID; one group with one pending entry and one consumer that has it.
      ['value', bytes(1, 5, 0, 1, 1, 'g', 5, 0, 1, raw(24), 2, 1, 1, 'c', raw(8), 1, raw(16))],
    ],
  },
  {
    name: 'a stream that knows its first entry',
    pieces: [
      ['head', bytes(19, 1, 'k', 0)],
      ['value', bytes(0, 5, 0, 0, 0, 4, 0, 9, 1, 1, 'g', 5, 0, 3, 0, 1, 1, 'c', raw(8), 0)],
    ],
  },
  {
    name: 'a stream whose consumers have been active',
    pieces: [
      ['head', bytes(21, 1, 'k', 0)],
      ['value', bytes(0, 5, 0, 0, 0, 4, 0, 9, 1, 1, 'g', 5, 0, 3, 0, 1, 1, 'c', raw(16), 0)],
    ],
  },
  {
    name: 'a value of a module',
    pieces: [
      [
        'value',
        bytes(
          ...[7, 1, 'k', 0x81, raw(8), 2, 0x80, raw(4), 1, 3, 3, raw(4), 4, raw(8)],
          ...[5, 3, 'abc', 5, 0xc3, 2, 9, raw(2), 5, 0xc1, raw(2), 0],
        ),
      ],
    ],
  },
];

const FIELDS: readonly [name: string, bytes: Buffer][] = [
  ['a fact', bytes(250, 3, 'ver', 5, '7.0.1')],
  ['a fact that is a number', bytes(250, 5, 'ctime', 0xc2, raw(4))],
  ['a library', bytes(245, 0x40, 80, raw(80))],
  ['a database', bytes(254, 0)],
  ['sizes', bytes(251, 0x80, raw(4), 3)],
  ['a slot', bytes(244, 0x7f, 1, 1, 0)],
  ['an expiry in ms', bytes(252, raw(8))],
  ['an expiry in s', bytes(253, raw(4))],
  ['an idle time', bytes(248, 0x41, 2)],
  ['a frequency', bytes(249, 9)],
  ['what a module says', bytes(247, 0x81, raw(8), 2, 1, 5, 1, 'x', 0)],
];

for (const { name, magic = 'REDIS0012', pieces } of VALUES) {
  test(`${name} ends where it ends`, () => {
    const file = Buffer.concat([bytes(magic), ...pieces.map((piece) => piece[1]), END]);
    const expected = {
      parts: [
        ['field', bytes(magic).toString('hex')],
        ...pieces.map(([kind, piece]) => [kind, piece.toString('hex')]),
        ['field', END.toString('hex')],
      ],
      rest: '',
      reason: undefined,
    };
    assert.deepEqual(split(file), expected);
    assert.deepEqual(split(file, [1]), expected, 'byte by byte');
  });
}

for (const [name, field] of FIELDS) {
  test(`${name} belongs to no value`, () => {
    const file = Buffer.concat([bytes('REDIS0011'), field, bytes(0, 1, 'k', 1, 'v'), END]);
    const { parts, reason } = split(file, [1]);
    assert.deepEqual(
      parts.map(([kind]) => kind),
      ['field', 'field', 'value', 'field'],
    );
    assert.equal(parts[1]?.[1], field.toString('hex'));
    assert.equal(reason, undefined);
  });
}

test('the same comes out, wherever the file is cut', () => {
  const all = Buffer.concat([
    bytes('REDIS0012'),
    ...FIELDS.map((field) => field[1]),
    ...VALUES.filter(({ magic }) => magic === undefined).flatMap(({ pieces }) =>
      pieces.map((piece) => piece[1]),
    ),
    END,
  ]);
  const whole = split(all);
  assert.equal(whole.reason, undefined);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }), (sizes) => {
      assert.deepEqual(split(all, sizes), whole);
    }),
  );
});

test('what follows the end is passed over: the mark of a transfer', () => {
  const outcome = split(Buffer.concat([bytes('REDIS0011'), END, bytes('mark of the end')]), [3]);
  assert.equal(outcome.rest, Buffer.from('mark of the end').toString('hex'));
  assert.equal(outcome.reason, undefined);
});

const UNKNOWN: readonly [name: string, file: Buffer, reason: RegExp][] = [
  ['another file', bytes('PK\u0003\u0004 and so on'), /does not begin/],
  ['a new type', bytes('REDIS0099', 99, 1, 'k', 1, 'v'), /99 is no type/],
  ['a type of the other family', bytes('VALKEY080', 24, 1, 'k'), /24 is no type/],
  ['a form of strings', bytes('REDIS0011', 0, 1, 'k', 0xc7, 1), /form 7/],
  ['a compressed string without lengths', bytes('REDIS0011', 0, 1, 'k', 0xc3, 0xc0, 1), /compr/],
  ['a number of elements', bytes('REDIS0011', 2, 1, 'k', 0xc0, 1, 'a'), /elements/],
  ['an endless length', bytes('REDIS0011', 254, 0x82, 0), /length/],
  ['a mark of a module', bytes('REDIS0011', 7, 1, 'k', 1, 9, 9), /module/],
];

for (const [name, file, reason] of UNKNOWN) {
  test(`${name} ends the splitting, and the rest is passed over`, () => {
    const outcome = split(Buffer.concat([file, bytes('more of it')]), [2]);
    assert.match(outcome.reason ?? '', reason);
    assert.match(outcome.rest, new RegExp(`${bytes('more of it').toString('hex')}$`));
  });
}

test('any bytes are passed over, and no byte twice', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 300 }),
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }),
      (noise, sizes) => {
        const file = Buffer.concat([bytes('REDIS0011'), noise]);
        const { parts, rest } = split(file, sizes);
        assert.equal(parts.map(([, hex]) => hex).join('') + rest, file.toString('hex'));
        assert.deepEqual(split(file).parts, parts);
      },
    ),
  );
});
