import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JoinProgress } from '../../replicator/join/progress.ts';
import type { PeerStatus, ReplicatorStatus } from '../../replicator/status.ts';
import { renderView, type ViewRow } from './view.ts';

const PEER: PeerStatus = {
  id: 2,
  region: 'westeurope',
  connected: true,
  cut: false,
  lagMs: 41.26,
  roundTripMs: 80,
  clockSkewMs: 0,
  pendingOps: 0,
  pendingBytes: 0,
  sentBytes: 0,
  receivedBytes: 0,
  lastError: null,
};

const STATUS: ReplicatorStatus = {
  id: 1,
  group: 'g',
  epoch: 1,
  region: 'eastus',
  engine: { up: true, version: '7.0.15', host: '127.0.0.1', port: 7001, keys: 12 },
  idle: true,
  capturedOffset: 0,
  versionVector: {},
  received: {},
  frontier: {},
  captured: 1_000,
  applied: 0,
  skipped: 0,
  conflicts: { string: 2, set: 1 },
  liveIndex: { keys: 3, ops: 4 },
  logBytes: 0,
  applyRetries: 0,
  applyRaces: 0,
  applyErrors: 0,
  waiting: 0,
  memory: { rssBytes: 0, heapBytes: 0 },
  unlinked: null,
  peers: [PEER],
};

function row(atMs: number, status: ReplicatorStatus | null): ViewRow {
  const state = 'linked';
  return {
    region: 'eastus',
    host: '127.1.2.3',
    port: 7001,
    state,
    stopped: false,
    join: null,
    atMs,
    status,
  };
}

test('shows rates, lags and conflicts of a region', () => {
  const before = [row(1_000, STATUS)];
  const now = [row(1_500, { ...STATUS, captured: 1_600 })];
  assert.deepEqual(renderView(before, now), [
    'REGION   ENDPOINT         KEYS   WRITES/S   LAG FROM PEERS     LIVE INDEX   CONFLICTS',
    'eastus   127.1.2.3:7001   12     1200       westeurope 41 ms   4 ops        3',
  ]);
});

test('shows how far a member has come that joins, and what became of others', () => {
  const join: JoinProgress = {
    phase: 'snapshot',
    bytes: 1_500_000,
    givenBytes: 1_500_000,
    logBytes: 0,
    percent: 45,
    bytesPerSecond: 800_000,
    secondsLeft: 2.2,
    restarts: 0,
    lastError: null,
  };
  const now = [
    { ...row(500, null), region: 'japaneast', state: 'joining' as const, join },
    { ...row(500, null), region: 'uksouth', stopped: true },
    { ...row(500, STATUS), region: 'westus', state: 'unlinked' as const },
  ];
  assert.deepEqual(renderView([], now).slice(1), [
    'japaneast   127.1.2.3:7001   joining: snapshot 45 %: 1.5 MB, 800 kB/s, 3.0 s left',
    'uksouth     127.1.2.3:7001   stopped',
    'westus      127.1.2.3:7001   unlinked',
  ]);
});

test('shows what does not answer, is cut, or has started again', () => {
  const [, gone] = renderView([row(0, STATUS)], [row(500, null)]);
  assert.match(gone ?? '', /no answer/);
  const cut = { ...STATUS, captured: 0, peers: [{ ...PEER, cut: true }] };
  const [, line] = renderView([row(0, STATUS)], [row(500, cut)]);
  assert.match(line ?? '', /\? +westeurope cut/);
});
