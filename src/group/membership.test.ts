// Whom a new configuration names.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configuredMembers, type GroupFile } from './group-file.ts';
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

test('a member that has lost its engine is named until it is gone', () => {
  const member = (id: number, state: GroupFile['members'][number]['state']) => ({
    id,
    state,
    region: `region-${id}`,
    host: '127.0.0.1',
    enginePort: 1,
    replicatorPort: 2,
    adminPort: 3,
    enginePid: 0,
    replicatorPid: 0,
    stopped: false,
    standby: null,
  });
  const members = [member(1, 'linked'), member(2, 'draining'), member(4, 'unlinked')];
  const ids = (former: GroupFile['gone']) =>
    configuredMembers({ members, gone: former }).map(({ id }) => id);
  assert.deepEqual(ids([]), [1, 2]);
  assert.deepEqual(ids([{ id: 2, region: 'region-2', last: 5 }]), [1]);
});
