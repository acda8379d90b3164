import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cleanup } from './cleanup.ts';

test('undoes in reverse order, skips what was taken back, goes on after a failure', async () => {
  const cleanup = new Cleanup();
  const done: string[] = [];
  cleanup.defer(() => void done.push('first'));
  const forget = cleanup.defer(() => void done.push('taken back'));
  cleanup.defer(() => {
    throw new Error('stuck');
  });
  cleanup.defer(async () => void done.push('last'));
  forget();
  await assert.rejects(cleanup.run(), /stuck/);
  assert.deepEqual(done, ['last', 'first']);
});

test('undoes also what is registered while it runs, and each thing once', async () => {
  const cleanup = new Cleanup();
  const done: string[] = [];
  cleanup.defer(() => {
    done.push('early');
    cleanup.defer(() => void done.push('late'));
  });
  await cleanup.run();
  await cleanup.run();
  assert.deepEqual(done, ['early', 'late']);
});

test('who starts something late can tell that all is being undone', async () => {
  const cleanup = new Cleanup();
  const seen: boolean[] = [cleanup.hasBegun];
  cleanup.defer(() => void seen.push(cleanup.hasBegun));
  await cleanup.run();
  assert.deepEqual(seen, [false, true]);
});
