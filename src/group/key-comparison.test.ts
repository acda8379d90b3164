import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReplicatorStatus } from '../replicator/status.ts';
import { compareRegions, differencesOf } from './key-comparison.ts';
import { ABSENT, type KeyReading } from './key-reading.ts';
import type { RegionView, ReplicatorView } from './key-survey.ts';

const READING: KeyReading = {
  ...ABSENT,
  type: 'string',
  length: 1,
  encoding: 'embstr',
  memoryBytes: 48,
  first: [['v']],
  digest: 'd1',
};
const REGIONS = ['eastus', 'westeurope', 'japaneast'];
const SILENT = { error: 'the engine does not answer: refused', action: 'See its engine.log.' };

function replicator(region: string, change: Partial<ReplicatorView['key']> = {}): ReplicatorView {
  const peers = REGIONS.filter((name) => name !== region).map((name) => ({
    region: name,
    connected: true,
    cut: false,
    lastError: null,
  }));
  const status = { region, engine: { up: true }, peers };
  return {
    key: {
      region,
      replica: 1,
      key: 'k',
      pendingOps: 0,
      lastWriter: null,
      merged: false,
      holdsUnknown: false,
      heldBack: false,
      waiting: 0,
      ...change,
    },
    status: status as unknown as ReplicatorStatus,
    lastConflict: null,
  };
}

function views(...readings: readonly (KeyReading | typeof SILENT)[]): RegionView[] {
  return readings.map((engine, index) => {
    const region = REGIONS[index] ?? '';
    return { region, engine, replicator: replicator(region) };
  });
}

test('equal readings are the same, however they are encoded', () => {
  const other = { ...READING, encoding: 'raw', memoryBytes: 4000, expiresInMs: null };
  const verdict = compareRegions(views(READING, other, READING));
  assert.deepEqual([verdict.kind, verdict.text], ['same', 'same everywhere']);
  assert.deepEqual([verdict.differing, verdict.reasons], [[], []]);
});

test('the region that most others do not agree with is named, and in what it differs', () => {
  const wrong = { ...READING, digest: 'd2', expiresAtMs: 1000 };
  const verdict = compareRegions(views(wrong, READING, READING));
  assert.deepEqual(verdict.differing, [{ region: 'eastus', in: ['value', 'expiry'] }]);
  assert.match(verdict.text, /^differs: eastus has another value and expiry \(compared with wes/);
  const gone = compareRegions(views(READING, READING, ABSENT));
  assert.match(gone.text, /^differs: japaneast has no such key/);
  const only = compareRegions(views(ABSENT, { ...READING, type: 'list' }, ABSENT));
  assert.match(only.text, /^differs: westeurope has the key/);
});

test('a difference that nothing under way explains is said to stay', () => {
  const [reason, ...more] = compareRegions(
    views(READING, { ...READING, digest: 'd2' }, READING),
  ).reasons;
  assert.match(reason ?? '', /this will stay: write the key once more/);
  assert.deepEqual(more, []);
});

test('what is under way is told, and a cut link once', () => {
  const three = views(READING, { ...READING, digest: 'd2' }, READING);
  const writer = { region: 'westeurope', replica: 2, timestampMs: 1, command: 'SET', bytes: 9 };
  const pending = replicator('westeurope', { pendingOps: 2, lastWriter: writer, waiting: 3 });
  const cut = [replicator('eastus'), pending].map((view) => {
    const [from] = [view.status.region];
    const peers = view.status.peers.map((peer) => {
      const isCut = [from, peer.region].sort().join() === 'eastus,westeurope';
      return { ...peer, cut: isCut, connected: !isCut };
    });
    return { ...view, status: { ...view.status, peers } };
  });
  const { reasons } = compareRegions(
    three.map((view, index) => ({ ...view, replicator: cut[index] ?? view.replicator })),
  );
  assert.deepEqual(reasons, [
    'no traffic between eastus and westeurope: cut; `atoll local heal` ends that',
    'westeurope: 2 ops on the key not confirmed by all, the newest from westeurope',
    'westeurope: 3 ops of peers not applied yet',
  ]);
});

test('a region that does not answer is no difference, and is not taken for agreement', () => {
  assert.equal(
    compareRegions(views(READING, SILENT, READING)).text,
    'same in eastus and japaneast; the others do not answer',
  );
  assert.equal(compareRegions(views(READING, SILENT)).kind, 'unknown');
  assert.equal(compareRegions(views(READING)).kind, 'unknown');
});

test('expiries may differ by what no client can tell', () => {
  const at = (expiresAtMs: number | null) => ({ ...READING, expiresAtMs });
  assert.deepEqual(differencesOf(at(1000), at(1010)), []);
  assert.deepEqual(differencesOf(at(1000), at(1011)), ['expiry']);
  assert.deepEqual(differencesOf(at(1000), at(null)), ['expiry']);
  assert.deepEqual(differencesOf(at(null), at(null)), []);
});

test('what is too large to be read is compared by its length', () => {
  const large = { ...READING, digest: null, length: 1_000_000 };
  assert.deepEqual(differencesOf(large, { ...large }), []);
  assert.deepEqual(differencesOf(large, { ...large, length: 2 }), ['value']);
  assert.match(compareRegions(views(large, large)).text, /too large to be read/);
});
