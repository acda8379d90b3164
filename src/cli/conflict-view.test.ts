import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConflictAnswer, ConflictsAnswer } from '../replicator/answers.ts';
import { conflictTable, countsLine } from './conflict-view.ts';

const AT_MS = Date.UTC(2026, 0, 2, 12, 0, 1, 250);

const CONFLICT: ConflictAnswer = {
  timeMs: AT_MS + 500,
  key: 'title',
  keyBytes: 5,
  type: 'string',
  rule: 'newest assign wins',
  winner: {
    region: 'westeurope',
    replica: 2,
    seq: 7,
    timestampMs: AT_MS,
    tick: 1,
    command: 'SET',
    bytes: 31,
    outcome: 'won',
  },
  loser: {
    region: 'eastus',
    replica: 1,
    seq: 9,
    timestampMs: AT_MS - 86_400_000,
    tick: 1,
    command: 'SET',
    bytes: 30,
    outcome: 'lost',
  },
  skipped: 0,
};

function answer(region: string, records: ConflictAnswer[], matching = records.length) {
  const counts = { string: { 'newest assign wins': 2, 'increments add up': 1 } };
  return { region, replica: 1, counts, values: false, matching, records } satisfies ConflictsAnswer;
}

test('two regions that merged the same two writes make one row', () => {
  const later = { ...CONFLICT, timeMs: CONFLICT.timeMs + 40 };
  const table = conflictTable([answer('westeurope', [later]), answer('eastus', [CONFLICT])]);
  assert.deepEqual(table.slice(1), [
    [
      '2026-01-02 12:00:01.790',
      'title',
      'string',
      'newest assign wins',
      'westeurope SET at 12:00:01.250, 31 B',
      'eastus SET at 2026-01-01 12:00:01.250, 30 B',
      'eastus, westeurope',
    ],
  ]);
});

test('pairs come in the order of their merge, with their cell, what was skipped and both outcomes', () => {
  const kept = {
    ...CONFLICT,
    timeMs: CONFLICT.timeMs - 100,
    type: 'hash',
    cell: 'visits',
    rule: 'increments add up',
    winner: { ...CONFLICT.winner, seq: 8, outcome: 'kept', value: '5' } as const,
    loser: { ...CONFLICT.loser, outcome: 'kept', value: 'x'.repeat(100) } as const,
    skipped: 12,
  };
  const [, first, second] = conflictTable([answer('eastus', [CONFLICT, kept])]);
  assert.equal(first?.[1], 'title [visits]');
  assert.equal(first?.[3], 'increments add up (both kept)');
  assert.match(first?.[4] ?? '', /^westeurope SET 5 at /);
  assert.match(first?.[5] ?? '', /^eastus SET x+\.\.\. at /);
  assert.equal(first?.[6], 'eastus (12 more before, not recorded)');
  assert.equal(second?.[1], 'title');
});

test('the counts of a region are one line, the most frequent first', () => {
  assert.equal(
    countsLine(answer('eastus', [CONFLICT], 3)),
    'eastus: 3 since its replicator started: string 3 (newest assign wins 2, increments add up 1); ' +
      '2 older records match, see --limit',
  );
  const none = { ...answer('eastus', []), counts: {} };
  assert.equal(countsLine(none), 'eastus: no conflicts since its replicator started');
});
