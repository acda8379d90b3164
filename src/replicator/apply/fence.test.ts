import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Fence, FenceMaker } from './fence.ts';

const SECRET = Buffer.from('a secret of this engine');
const APPLY: Fence = { kind: 'apply', number: 7, origin: 3, seq: 123_456_789_012 };
const READ: Fence = { kind: 'read', number: 9, origin: 0, seq: 0 };

test('a token stands for the fence it was made for', () => {
  const fences = new FenceMaker(SECRET);
  assert.deepEqual(fences.verify(fences.token(APPLY)), APPLY);
  assert.deepEqual(fences.verify(fences.token(READ)), READ);
});

test('a token of an earlier life with the same secret is known', () => {
  const token = new FenceMaker(SECRET).token(APPLY);
  assert.deepEqual(new FenceMaker(SECRET).verify(token), APPLY);
});

test('a token stays known when many others have been made since', () => {
  const fences = new FenceMaker(SECRET);
  const token = fences.token(APPLY);
  for (let number = 100; number < 1000; number++) fences.token({ ...APPLY, number });
  assert.deepEqual(fences.verify(token), APPLY);
});

test('another secret makes other tokens', () => {
  const token = new FenceMaker(Buffer.from('another secret')).token(APPLY);
  assert.equal(new FenceMaker(SECRET).verify(token), undefined);
});

test('a token that was changed in any place is refused', () => {
  const token = new FenceMaker(SECRET).token(APPLY);
  for (let at = 0; at < token.length; at++) {
    const other = token[at] === '1' ? '2' : '1';
    const changed = token.slice(0, at) + other + token.slice(at + 1);
    assert.equal(new FenceMaker(SECRET).verify(changed), undefined, changed);
  }
});

test('what is no token at all is refused', () => {
  const token = new FenceMaker(SECRET).token(APPLY);
  const code = token.slice(token.lastIndexOf('.') + 1);
  for (const text of [
    '',
    '.',
    'hello',
    `.${code}`,
    code,
    `${token}x`,
    token.slice(0, -1),
    'a.7.3.1.',
  ]) {
    assert.equal(new FenceMaker(SECRET).verify(text), undefined, text);
  }
});
