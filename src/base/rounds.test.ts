import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Rounds } from './rounds.ts';

test('rounds follow one another, and the one under way ends before stop does', async () => {
  const rounds = new Rounds();
  const seen: string[] = [];
  const third = Promise.withResolvers<void>();
  rounds.start(
    async () => {
      seen.push('begins');
      if (seen.length === 5) third.resolve();
      await new Promise(setImmediate);
      seen.push('ends');
    },
    () => 1,
  );
  await third.promise;
  await rounds.stop();
  assert.deepEqual(seen, Array.from({ length: 3 }, () => ['begins', 'ends']).flat());
});

test('a long pause does not keep it from stopping, and nothing follows', async () => {
  const rounds = new Rounds();
  let count = 0;
  rounds.start(
    async () => void count++,
    () => 3_600_000,
  );
  await rounds.stop();
  assert.equal(count, 1);
  assert.ok(rounds.signal.aborted);
});
