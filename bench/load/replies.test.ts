import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReplyReader, replyEnd } from './replies.ts';

const REPLIES = [
  '+OK\r\n',
  ':12\r\n',
  '$3\r\nabc\r\n',
  '$-1\r\n',
  '$0\r\n\r\n',
  '*-1\r\n',
  '*0\r\n',
  '*1\r\n*2\r\n$5\r\nprobe\r\n*1\r\n*2\r\n$3\r\n7-0\r\n*2\r\n$1\r\np\r\n$1\r\n1\r\n',
  '$4\r\n\r\n-E\r\n',
];

test('every reply is found, however the bytes are cut', () => {
  const bytes = Buffer.from(REPLIES.join(''), 'latin1');
  for (let size = 1; size <= bytes.length; size += 1) {
    const reader = new ReplyReader();
    const seen: string[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      reader.take(bytes.subarray(at, at + size), (all, start, end) => {
        seen.push(all.latin1Slice(start, end));
      });
    }
    assert.deepEqual(seen, REPLIES);
  }
});

test('an incomplete reply has no end', () => {
  for (const reply of REPLIES) {
    const bytes = Buffer.from(reply, 'latin1');
    for (let size = 0; size < bytes.length; size += 1) {
      assert.equal(replyEnd(bytes.subarray(0, size), 0), -1);
    }
  }
});

test('an error reply throws with its text', () => {
  const reader = new ReplyReader();
  assert.equal(reader.take(Buffer.from('+OK\r\n-NOPERM no')), 1);
  assert.throws(
    () => reader.take(Buffer.from(' permission\r\n+OK\r\n')),
    /the server answered: NOPERM no permission/,
  );
});

test('what is no reply is refused', () => {
  assert.throws(() => replyEnd(Buffer.from('HTTP/1.1 400\r\n'), 0), /no reply: HTTP/);
  assert.throws(() => replyEnd(Buffer.from('$x\r\n'), 0), /bad length/);
  assert.throws(() => replyEnd(Buffer.from('*-7\r\n'), 0), /bad length/);
});
