import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeStandby, type StandbyState } from './standby-state.ts';

const ID = 'a'.repeat(40);
const OLD_ID = 'b'.repeat(40);

const STATE: StandbyState = {
  isReplica: true,
  isLinked: true,
  isFilling: false,
  replicationId: ID,
  formerId: OLD_ID,
  formerEnd: 51,
  offset: 100,
  backlogStart: 11,
};

const kindAt = (state: Partial<StandbyState>, offset: number, replicationId = ID) =>
  judgeStandby({ ...STATE, ...state }, { replicationId, offset }).kind;

test('a standby can go on from what it has, and no further back than its backlog reaches', () => {
  assert.equal(kindAt({}, 100), 'ready');
  assert.equal(kindAt({}, 10), 'ready');
  assert.equal(kindAt({}, 9), 'unfit');
  assert.equal(kindAt({ backlogStart: Number.POSITIVE_INFINITY }, 100), 'unfit');
  const position = { replicationId: ID, offset: 107 };
  assert.deepEqual(judgeStandby(STATE, position), { kind: 'behind', bytes: 7 });
});

test('one whose engine has died can go on all the same, until it takes the place', () => {
  assert.equal(kindAt({ isLinked: false }, 100), 'ready');
  assert.equal(kindAt({ isReplica: false }, 100), 'unfit');
});

test('one that is being filled, says nothing, or has another history cannot', () => {
  assert.equal(kindAt({ isFilling: true }, 100), 'unfit');
  assert.equal(kindAt({}, 100, 'c'.repeat(40)), 'unfit');
  const position = { replicationId: ID, offset: 1 };
  assert.deepEqual(judgeStandby('it is silent', position), {
    kind: 'unfit',
    reason: 'it is silent',
  });
});

test('the id before a failover stands for the stream up to the failover', () => {
  assert.equal(kindAt({}, 50, OLD_ID), 'ready');
  assert.equal(kindAt({}, 51, OLD_ID), 'unfit');
});
