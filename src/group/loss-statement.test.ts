import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PeerStatus, ReplicatorStatus } from '../replicator/status.ts';
import { lossStatement } from './loss-statement.ts';

const NOW_MS = 1.8e12;
const LOST = 'westeurope';

function peer(id: number, region: string, change: Partial<PeerStatus> = {}): PeerStatus {
  return {
    id,
    region,
    connected: false,
    cut: false,
    lagMs: null,
    roundTripMs: null,
    clockSkewMs: null,
    pendingOps: 0,
    pendingBytes: 0,
    sentBytes: 0,
    receivedBytes: 0,
    lastError: null,
    ...change,
  };
}

function status(
  id: number,
  region: string,
  peers: PeerStatus[],
  versionVector: Record<string, number> = {},
): ReplicatorStatus {
  return {
    id,
    group: 'g',
    epoch: 1,
    region,
    engine: { up: true, version: null, host: '', port: 0, keys: 0 },
    idle: true,
    capturedOffset: 0,
    versionVector,
    frontier: {},
    received: {},
    unlinked: null,
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
    peers,
  };
}

/** A survivor that has received so much of the lost member. */
function survivor(id: number, region: string, received: number, said: number): ReplicatorStatus {
  const writes = { received, said, keptOps: 100, keptBytes: 50_000, oldestMs: 2000 };
  const outage = {
    sinceMs: NOW_MS - 34_000,
    ops: 1,
    bytes: 1,
    growthBytesPerHour: null,
    limitBytes: 1,
    runwayMs: null,
    level: 'ok' as const,
    alarm: null,
  };
  return status(id, region, [peer(2, LOST, { writes, outage })]);
}

test('where survivors have all that it said it had written, nothing known is lost', () => {
  const statuses = [survivor(1, 'eastus', 700, 700), survivor(3, 'japaneast', 700, 650)];
  const statement = lossStatement(LOST, statuses, NOW_MS);
  assert.deepEqual(statement?.lost, { writes: 0, bytes: 0, oldestMs: null });
  assert.equal(statement?.onlyOne, null);
  assert.equal(
    statement?.text,
    'no write is known to westeurope only; what it wrote since it was last heard, 34 s ago, is not counted',
  );
});

test('what it said it had written and nobody received is lost, whoever heard it', () => {
  const statuses = [survivor(1, 'eastus', 700, 700), survivor(3, 'japaneast', 650, 3011)];
  const statement = lossStatement(LOST, statuses, NOW_MS);
  assert.equal(statement?.lost.writes, 2311);
  assert.equal(statement?.lost.bytes, 2311 * 500);
  assert.match(statement?.text ?? '', /^2,311 writes, 1\.2 MB, known only to westeurope;/);
});

test('what one survivor alone has is not lost, and told', () => {
  const statuses = [survivor(1, 'eastus', 700, 700), survivor(3, 'japaneast', 650, 700)];
  const statement = lossStatement(LOST, statuses, NOW_MS);
  assert.deepEqual(statement?.onlyOne, {
    region: 'eastus',
    writes: 50,
    bytes: 25_000,
    oldestMs: 2000,
  });
  assert.match(statement?.text ?? '', /50 writes, 25 kB, oldest 2\.0 s, held by eastus only/);
  assert.equal(statement?.lost.writes, 0);
});

test('where its own replicator still answers, the statement is exact', () => {
  const own = status(
    2,
    LOST,
    [
      peer(1, 'eastus', { pendingOps: 2400, pendingBytes: 1_200_000, pendingOldestMs: 3400 }),
      peer(3, 'japaneast', { pendingOps: 9000, pendingBytes: 9e6, pendingOldestMs: 9000 }),
    ],
    { '2': 3100 },
  );
  const statuses = [own, survivor(1, 'eastus', 700, 700), survivor(3, 'japaneast', 650, 700)];
  const statement = lossStatement(LOST, statuses, NOW_MS);
  assert.deepEqual(statement?.lost, { writes: 2400, bytes: 1_200_000, oldestMs: 3400 });
  assert.equal(statement?.isExact, true);
  assert.equal(statement?.unheardMs, null);
  assert.match(
    statement?.text ?? '',
    /^2,400 writes, 1\.2 MB, oldest 3\.4 s, known only to westeurope/,
  );
});

test('nobody knows of it: there is nothing to say', () => {
  assert.equal(lossStatement(LOST, [], NOW_MS), undefined);
  assert.equal(lossStatement(LOST, [status(1, 'eastus', [])], NOW_MS), undefined);
});
