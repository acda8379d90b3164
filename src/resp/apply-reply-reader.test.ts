import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CorruptInput } from '../base/errors.ts';
import { type ApplyReply, ApplyReplyReader } from './apply-reply-reader.ts';

type Cut = (stream: Buffer) => Buffer[];

const whole: Cut = (stream) => [stream];
const byteByByte: Cut = (stream) => Array.from(stream, (byte) => Buffer.from([byte]));

function read(expect: (reader: ApplyReplyReader) => void, text: string, cut: Cut): ApplyReply[] {
  const reader = new ApplyReplyReader();
  expect(reader);
  const answers: ApplyReply[] = [];
  for (const chunk of cut(Buffer.from(text, 'latin1'))) {
    reader.feed(chunk);
    for (let next = reader.next(); next !== undefined; next = reader.next()) answers.push(next);
  }
  return answers;
}

function check(expect: (reader: ApplyReplyReader) => void, text: string, answers: ApplyReply[]) {
  for (const cut of [whole, byteByByte]) assert.deepEqual(read(expect, text, cut), answers);
}

const QUEUED = '+QUEUED\r\n';
const ROLE = '*3\r\n$6\r\nmaster\r\n:123456789012\r\n*1\r\n*3\r\n$1\r\na\r\n$1\r\n0\r\n$1\r\n9\r\n';

test('a committed transaction, then WATCH and ROLE', () => {
  check(
    (reader) => {
      reader.expect(3);
      reader.expectReply();
      reader.expectRole();
    },
    `+OK\r\n${QUEUED.repeat(3)}*3\r\n:0\r\n+OK\r\n:5\r\n+OK\r\n${ROLE}`,
    [
      { kind: 'transaction', outcome: 'committed', errors: [] },
      { kind: 'reply', reply: { kind: 'simple', text: 'OK' } },
      { kind: 'role', primary: true, offset: 123456789012 },
    ],
  );
});

test('nested arrays, bulks that look like replies, nulls and empty arrays are passed over', () => {
  const elements =
    '*2\r\n*1\r\n-ERR not an element\r\n*0\r\n$13\r\n+OK\r\n-ERR x\r\n\r\n$-1\r\n*-1\r\n-ERR mine\r\n';
  check(
    (reader) => {
      reader.expect(5);
      reader.expect(1);
    },
    `+OK\r\n${QUEUED.repeat(5)}*5\r\n${elements}+OK\r\n${QUEUED}*1\r\n:1\r\n`,
    [
      {
        kind: 'transaction',
        outcome: 'committed',
        errors: [{ index: 4, message: 'ERR mine' }],
      },
      { kind: 'transaction', outcome: 'committed', errors: [] },
    ],
  );
});

test('EXEC answers nil when a watched key had changed', () => {
  for (const nil of ['*-1\r\n', '$-1\r\n', '_\r\n']) {
    check(
      (reader) => {
        reader.expect(1);
        reader.expect(1);
      },
      `+OK\r\n${QUEUED}${nil}+OK\r\n${QUEUED}*1\r\n:1\r\n`,
      [
        { kind: 'transaction', outcome: 'refused', errors: [] },
        { kind: 'transaction', outcome: 'committed', errors: [] },
      ],
    );
  }
});

test('a command that is not queued aborts, and the first reason is kept', () => {
  const oom = '-OOM command not allowed\r\n';
  const text = `+OK\r\n${QUEUED}${oom}-NOPERM no\r\n-EXECABORT Transaction discarded\r\n`;
  const [answer] = read((reader) => reader.expect(3), text, byteByByte);
  assert.equal(answer?.kind, 'transaction');
  assert.ok(answer.kind === 'transaction');
  assert.equal(answer.outcome, 'aborted');
  assert.deepEqual(answer.errors[0], { index: 1, message: 'OOM command not allowed' });
});

test('EXEC itself an error', () => {
  check((reader) => reader.expect(1), `+OK\r\n${QUEUED}-MISCONF no\r\n`, [
    { kind: 'transaction', outcome: 'aborted', errors: [{ index: -1, message: 'MISCONF no' }] },
  ]);
});

test('MULTI refused: whatever the commands answer is passed over', () => {
  const text =
    '-LOADING busy\r\n*1\r\n*2\r\n:1\r\n:2\r\n$2\r\nab\r\n-ERR EXEC without MULTI\r\n+OK\r\n';
  check(
    (reader) => {
      reader.expect(2);
      reader.expectReply();
    },
    text,
    [
      { kind: 'transaction', outcome: 'aborted', errors: [{ index: -1, message: 'LOADING busy' }] },
      { kind: 'reply', reply: { kind: 'simple', text: 'OK' } },
    ],
  );
});

test('results are kept when they are asked for', () => {
  check(
    (reader) => {
      reader.expect(3, true);
      reader.expect(1, true);
      reader.expect(0);
    },
    `+OK\r\n${QUEUED.repeat(3)}*3\r\n$2\r\n\r\n\r\n-ERR x\r\n*1\r\n:7\r\n+OK\r\n${QUEUED}*-1\r\n+OK\r\n*0\r\n`,
    [
      {
        kind: 'transaction',
        outcome: 'committed',
        errors: [{ index: 1, message: 'ERR x' }],
        results: [
          { kind: 'bulk', bytes: Buffer.from('\r\n') },
          { kind: 'error', message: 'ERR x' },
          { kind: 'array', items: [{ kind: 'integer', value: 7 }] },
        ],
      },
      { kind: 'transaction', outcome: 'refused', errors: [] },
      { kind: 'transaction', outcome: 'committed', errors: [] },
    ],
  );
});

test('ROLE of a replica, and ROLE refused', () => {
  check(
    (reader) => {
      reader.expectRole();
      reader.expectRole();
    },
    '*5\r\n$5\r\nslave\r\n$1\r\nh\r\n:1\r\n$9\r\nconnected\r\n:77\r\n-NOPERM no\r\n',
    [
      { kind: 'role', primary: false, offset: 77 },
      { kind: 'reply', reply: { kind: 'error', message: 'NOPERM no' } },
    ],
  );
});

test('replies that fit nothing that was sent are refused', () => {
  const one = (reader: ApplyReplyReader): void => reader.expect(1);
  for (const text of [
    '+OK\r\n:1\r\n',
    '+QUEUED\r\n',
    `+OK\r\n${QUEUED}*2\r\n:1\r\n:1\r\n`,
    `+OK\r\n${QUEUED}+OK\r\n`,
    `+OK\r\n-ERR x\r\n*1\r\n:1\r\n`,
    `+OK\r\n${QUEUED}*1\r\n:1\r\n+OK\r\n`,
  ]) {
    for (const cut of [whole, byteByByte]) {
      assert.throws(() => read(one, text, cut), CorruptInput, JSON.stringify(text));
    }
  }
});

test('random transactions in random cuts', () => {
  const element = fc.constantFrom(
    { text: ':1\r\n', message: '' },
    { text: '+OK\r\n', message: '' },
    { text: '$-1\r\n', message: '' },
    { text: '*0\r\n', message: '' },
    { text: '*2\r\n*1\r\n$3\r\n*1\r\r\n-ERR inner\r\n', message: '' },
    { text: '$9\r\n+QUEUED\r\n\r\n', message: '' },
    { text: '-WRONGTYPE of key\r\n', message: 'WRONGTYPE of key' },
  );
  const transaction = fc.record({
    elements: fc.array(element, { maxLength: 12 }),
    refused: fc.boolean(),
  });
  const property = fc.property(
    fc.array(transaction, { minLength: 1, maxLength: 5 }),
    fc.integer({ min: 1, max: 40 }),
    fc.boolean(),
    (transactions, size, keep) => {
      let text = '';
      const expected: { outcome: string; errors: { index: number; message: string }[] }[] = [];
      for (const { elements, refused } of transactions) {
        text += `+OK\r\n${QUEUED.repeat(elements.length)}`;
        text += refused
          ? '*-1\r\n'
          : `*${elements.length}\r\n${elements.map((one) => one.text).join('')}`;
        const errors = elements
          .map((one, index) => ({ index, message: one.message }))
          .filter((one) => one.message !== '' && !refused);
        expected.push({ outcome: refused ? 'refused' : 'committed', errors });
      }
      const inPieces: Cut = (stream) => {
        const chunks: Buffer[] = [];
        for (let at = 0; at < stream.length; at += size) {
          chunks.push(Buffer.from(stream.subarray(at, at + size)));
        }
        return chunks;
      };
      const expectAll = (reader: ApplyReplyReader): void => {
        for (const { elements } of transactions) reader.expect(elements.length, keep);
      };
      const answers = read(expectAll, text, inPieces).map((answer) => {
        assert.ok(answer.kind === 'transaction');
        return { outcome: answer.outcome, errors: answer.errors };
      });
      assert.deepEqual(answers, expected);
    },
  );
  fc.assert(property, { numRuns: 200 });
});
