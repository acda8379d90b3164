// Which former members a new configuration still names.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stillNeeded } from './membership.ts';

const gone = [{ id: 3, region: 'japaneast', last: 10 }];

function needed(...statuses: { frontier: Record<string, number>; logOrigins?: number[] }[]) {
  return stillNeeded({ gone }, statuses).map(({ id }) => id);
}

test('a former member is named until everybody has what it wrote', () => {
  const behind = { frontier: { 3: 9 }, logOrigins: [1] };
  const done = { frontier: { 3: 10 }, logOrigins: [1, 2] };
  assert.deepEqual(needed(done, behind), [3]);
  assert.deepEqual(needed(done, done), []);
});

test('a former member is named while a log holds ops of it, also when all have them', () => {
  const logged = { frontier: { 3: 10 }, logOrigins: [1, 3] };
  const done = { frontier: { 3: 10 }, logOrigins: [1, 2] };
  assert.deepEqual(needed(done, logged), [3]);
  assert.deepEqual(needed(done, { frontier: { 3: 10 } }), [3]);
});
