import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReplicatorStatus } from '../replicator/status.ts';
import { findUnrest, type MemberReading } from './quiet.ts';

interface Scene {
  readonly vectors: readonly Readonly<Record<string, number>>[];
  /** Pairs of ids between which nothing flows. */
  readonly cuts?: readonly (readonly [number, number])[];
}

test('members that have the same are quiet', () => {
  const vector = { 1: 5, 2: 7, 3: 0 };
  assert.deepEqual(findUnrest(scene({ vectors: [vector, vector, vector] })), []);
});

test('an op that one member lacks is unrest', () => {
  const readings = scene({
    vectors: [
      { 1: 5, 2: 7 },
      { 1: 4, 2: 7 },
    ],
  });
  assert.deepEqual(findUnrest(readings), ['region2: has 4 of 5 ops of member 1']);
});

test('a member without any op of another lacks them', () => {
  assert.equal(findUnrest(scene({ vectors: [{ 1: 5 }, {}] })).length, 1);
});

test('between members that are cut off nothing is expected', () => {
  const vectors = [
    { 1: 5, 2: 7 },
    { 1: 4, 2: 9 },
  ];
  assert.deepEqual(findUnrest(scene({ vectors, cuts: [[1, 2]] })), []);
});

test('beyond a cut the own writes of neighbours are expected, not those of others', () => {
  const vectors = [
    { 1: 5, 2: 0, 3: 1 },
    { 1: 0, 2: 6, 3: 1 },
    { 1: 5, 2: 6, 3: 1 },
  ];
  const cuts = [[1, 2]] as const;
  assert.deepEqual(findUnrest(scene({ vectors, cuts })), []);
  const behind = [vectors[0]!, vectors[1]!, { 1: 5, 2: 5, 3: 1 }];
  assert.equal(findUnrest(scene({ vectors: behind, cuts })).length, 1);
});

test('work under way, unread stream and a lost connection are unrest', () => {
  const [reading] = scene({ vectors: [{ 1: 5 }, { 1: 5 }] });
  assert.ok(reading);
  const { status } = reading;
  assert.equal(findUnrest([{ ...reading, status: { ...status, idle: false } }]).length, 1);
  assert.equal(findUnrest([{ ...reading, engineOffset: 101 }]).length, 1);
  assert.equal(findUnrest([{ ...reading, engineOffset: Number.NaN }]).length, 1);
  const peers = status.peers.map((peer) => ({ ...peer, connected: false }));
  assert.equal(findUnrest([{ ...reading, status: { ...status, peers } }]).length, 1);
});

function scene({ vectors, cuts = [] }: Scene): MemberReading[] {
  const isCut = (a: number, b: number) =>
    cuts.some((pair) => pair.includes(a) && pair.includes(b) && a !== b);
  const ids = vectors.map((_, index) => index + 1);
  return vectors.map((versionVector, index) => {
    const id = index + 1;
    const region = `region${id}`;
    const peers = ids
      .filter((peer) => peer !== id)
      .map((peer) => peerStatus(peer, isCut(id, peer)));
    return {
      region,
      engineOffset: 100,
      status: memberStatus({ id, region, versionVector, peers }),
    };
  });
}

function memberStatus(
  own: Pick<ReplicatorStatus, 'id' | 'region' | 'versionVector' | 'peers'>,
): ReplicatorStatus {
  return {
    ...own,
    group: 'g',
    epoch: 1,
    engine: { up: true, version: null, host: '127.0.0.1', port: 1, keys: 0 },
    idle: true,
    capturedOffset: 100,
    received: {},
    unlinked: null,
    frontier: {},
    captured: 0,
    applied: 0,
    skipped: 0,
    conflicts: {},
    liveIndex: { keys: 0, ops: 0 },
    logBytes: 0,
    applyRetries: 0,
    applyRaces: 0,
    applyErrors: 0,
    waiting: 0,
    memory: { rssBytes: 0, heapBytes: 0 },
  };
}

function peerStatus(id: number, cut: boolean): ReplicatorStatus['peers'][number] {
  return {
    id,
    region: `region${id}`,
    connected: !cut,
    cut,
    lagMs: null,
    roundTripMs: null,
    clockSkewMs: null,
    pendingOps: 0,
    pendingBytes: 0,
    sentBytes: 0,
    receivedBytes: 0,
    lastError: null,
  };
}
