import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Turns } from './turns.ts';

test('what is done to one thing is done one after the other, and to another meanwhile', async () => {
  const turns = new Turns();
  const done: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = turns.take('a', async () => {
    await gate.promise;
    done.push('first');
  });
  const second = turns.take('a', async () => void done.push('second'));
  await turns.take('b', async () => void done.push('other'));
  assert.deepEqual(done, ['other']);
  assert.equal(turns.isTaken('a'), true);
  gate.resolve();
  await Promise.all([first, second]);
  assert.deepEqual(done, ['other', 'first', 'second']);
});

test('what fails is told to who asked for it, and does not stop the next', async () => {
  const turns = new Turns();
  const failing = turns.take('a', () => Promise.reject(new Error('no')));
  const next = turns.take('a', () => Promise.resolve('yes'));
  await assert.rejects(failing, /no/);
  assert.equal(await next, 'yes');
  await Promise.resolve();
  assert.equal(turns.isTaken('a'), false);
});
