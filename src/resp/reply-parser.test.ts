import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CorruptInput } from '../base/errors.ts';
import { type Reply, ReplyParser, replyText } from './reply-parser.ts';

function parse(chunks: readonly Buffer[]): Reply[] {
  const parser = new ReplyParser();
  const replies: Reply[] = [];
  for (const chunk of chunks) {
    parser.feed(chunk);
    for (let reply = parser.next(); reply !== undefined; reply = parser.next()) replies.push(reply);
  }
  return replies;
}

function parseText(text: string): Reply[] {
  return parse([Buffer.from(text, 'latin1')]);
}

function pieces(stream: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...cuts].map((cut) => cut % (stream.length + 1)).sort((a, b) => a - b);
  let from = 0;
  return [...places, stream.length].map((place) => {
    const chunk = Buffer.from(stream.subarray(from, place));
    from = place;
    return chunk;
  });
}

function encode(reply: Reply): string {
  switch (reply.kind) {
    case 'simple':
      return `+${reply.text}\r\n`;
    case 'error':
      return `-${reply.message}\r\n`;
    case 'integer':
      return `:${reply.value}\r\n`;
    case 'bulk':
      return `$${reply.bytes.length}\r\n${reply.bytes.toString('latin1')}\r\n`;
    case 'null':
      return '$-1\r\n';
    case 'array':
      return `*${reply.items.length}\r\n${reply.items.map(encode).join('')}`;
  }
}

const line = fc.string({ maxLength: 20 }).map((text) => text.replaceAll(/[\r\n]/g, ' '));
const plain = { noNullPrototype: true };
const anyReply = fc.letrec<{ reply: Reply }>((tie) => ({
  reply: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    fc.record({ kind: fc.constant('simple' as const), text: line }, plain),
    fc.record({ kind: fc.constant('error' as const), message: line }, plain),
    fc.record({ kind: fc.constant('integer' as const), value: fc.maxSafeInteger() }, plain),
    fc.record(
      {
        kind: fc.constant('bulk' as const),
        bytes: fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
      },
      plain,
    ),
    fc.record({ kind: fc.constant('null' as const) }, plain),
    fc.record({ kind: fc.constant('array' as const), items: fc.array(tie('reply')) }, plain),
  ),
})).reply;

test('every kind of reply', () => {
  const bulk = (text: string): Reply => ({ kind: 'bulk', bytes: Buffer.from(text, 'latin1') });
  assert.deepEqual(
    parseText('+OK\r\n-ERR no\r\n:-12\r\n$5\r\na\r\n\xff\0\r\n$0\r\n\r\n$-1\r\n*-1\r\n*0\r\n'),
    [
      { kind: 'simple', text: 'OK' },
      { kind: 'error', message: 'ERR no' },
      { kind: 'integer', value: -12 },
      bulk('a\r\n\xff\0'),
      bulk(''),
      { kind: 'null' },
      { kind: 'null' },
      { kind: 'array', items: [] },
    ],
  );
  assert.deepEqual(parseText('*2\r\n*1\r\n:1\r\n*2\r\n*0\r\n$1\r\nx\r\n'), [
    {
      kind: 'array',
      items: [
        { kind: 'array', items: [{ kind: 'integer', value: 1 }] },
        { kind: 'array', items: [{ kind: 'array', items: [] }, bulk('x')] },
      ],
    },
  ]);
});

test('an integer beyond what a number holds stays exact', () => {
  assert.deepEqual(parseText(':9223372036854775807\r\n:9007199254740991\r\n'), [
    { kind: 'integer', value: 9223372036854775807n },
    { kind: 'integer', value: 9007199254740991 },
  ]);
});

test('replies of the newer protocol are understood', () => {
  const [map, set, ...rest] = parseText(
    '%1\r\n+a\r\n:1\r\n~1\r\n+b\r\n_\r\n#t\r\n,1.5\r\n=7\r\ntxt:abc\r\n!5\r\nERR x\r\n|1\r\n+ttl\r\n:1\r\n+OK\r\n',
  );
  assert.deepEqual(map, {
    kind: 'array',
    items: [
      { kind: 'simple', text: 'a' },
      { kind: 'integer', value: 1 },
    ],
  });
  assert.deepEqual(set, { kind: 'array', items: [{ kind: 'simple', text: 'b' }] });
  assert.deepEqual(
    rest.map((reply) => replyText(reply) ?? reply),
    [
      { kind: 'null' },
      { kind: 'integer', value: 1 },
      '1.5',
      'abc',
      { kind: 'error', message: 'ERR x' },
      'OK',
    ],
  );
});

test('however the replies are cut, the same values come out', () => {
  const property = fc.property(
    fc.array(anyReply, { minLength: 1, maxLength: 6 }),
    fc.array(fc.nat(), { maxLength: 10 }),
    (replies, cuts) => {
      const stream = Buffer.from(replies.map(encode).join(''), 'latin1');
      assert.deepEqual(parse(pieces(stream, cuts)), replies);
      assert.deepEqual(parse(pieces(stream, [...stream.keys()])), replies);
    },
  );
  fc.assert(property, { numRuns: 200 });
});

test('corrupt replies are refused', () => {
  const bad = [
    'OK\r\n',
    '+OK\n',
    '\r\n',
    '$3\r\nabcd\r\n',
    '$x\r\n',
    '*-2\r\n',
    ':1.5\r\n',
    '$?\r\n',
  ];
  for (const text of [...bad, '*1\r\n'.repeat(200)]) {
    const stream = Buffer.from(text, 'latin1');
    assert.throws(() => parse([stream]), CorruptInput, JSON.stringify(text));
    assert.throws(() => parse(pieces(stream, [...stream.keys()])), CorruptInput);
  }
});
