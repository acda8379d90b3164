// Recorded conflicts as a table: pure, from what regions answered to rows of text. Two regions that merged the
// same two writes make one row.

import type { ConflictAnswer, ConflictsAnswer } from '../replicator/answers.ts';

type Side = ConflictAnswer['winner'];

interface Row {
  readonly conflict: ConflictAnswer;
  readonly seenIn: string[];
}

const HEADING = ['MERGED AT (UTC)', 'KEY', 'TYPE', 'RULE', 'WINNER', 'LOSER', 'SEEN IN'];
const TEXT_MAX = 40;

/** The heading, and a row for each pair of writes, the newest last. */
export function conflictTable(answers: readonly ConflictsAnswer[]): string[][] {
  const rows = new Map<string, Row>();
  for (const { region, records } of answers) {
    for (const conflict of records) {
      const name = pairOf(conflict);
      const row = rows.get(name);
      if (row === undefined) rows.set(name, { conflict, seenIn: [region] });
      else if (!row.seenIn.includes(region)) row.seenIn.push(region);
    }
  }
  const inOrder = [...rows.values()].sort((a, b) => a.conflict.timeMs - b.conflict.timeMs);
  return [HEADING, ...inOrder.map(cells)];
}

/** "eastus: 3 since its replicator started: string 3 (newest assign wins 2, increments add up 1)" */
export function countsLine({ region, counts, matching, records }: ConflictsAnswer): string {
  const types = Object.entries(counts).map(([type, rules]) => ({
    type,
    sum: sumOf(rules),
    rules: Object.entries(rules).map(([rule, count]) => `${rule} ${count}`),
  }));
  if (types.length === 0) return `${region}: no conflicts since its replicator started`;
  types.sort((a, b) => b.sum - a.sum);
  const parts = types.map(({ type, sum, rules }) => `${type} ${sum} (${rules.join(', ')})`);
  const total = types.reduce((sum, type) => sum + type.sum, 0);
  const older = matching - records.length;
  const more = older > 0 ? `; ${older} older records match, see --limit` : '';
  return `${region}: ${total} since its replicator started: ${parts.join(', ')}${more}`;
}

function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((a, b) => a + b, 0);
}

function pairOf({ winner, loser, type }: ConflictAnswer): string {
  const dots = [winner, loser].map(({ replica, seq }) => `${replica}/${seq}`).sort();
  return [type, ...dots].join(' ');
}

function cells({ conflict, seenIn }: Row): string[] {
  const { timeMs, key, cell, type, rule, winner, loser, skipped } = conflict;
  const name = cell === undefined ? key : `${key} [${cell}]`;
  const like = skipped > 0 ? ` (${skipped} more before, not recorded)` : '';
  return [
    new Date(timeMs).toISOString().replace('T', ' ').replace('Z', ''),
    shortened(name),
    type,
    winner.outcome === 'kept' ? `${rule} (both kept)` : rule,
    sideText(winner, timeMs),
    sideText(loser, timeMs),
    seenIn.sort().join(', ') + like,
  ];
}

/** "eastus SET at 12:00:01.250, 31 B", with the value where it is there. */
function sideText(side: Side, timeMs: number): string {
  const { region, command, value, bytes } = side;
  const what = value === undefined ? command : `${command} ${shortened(value)}`;
  return `${region} ${what} at ${timeText(side.timestampMs, timeMs)}, ${bytes} B`;
}

/** With its day, if that is not the day of the merge. */
function timeText(atMs: number, mergedAtMs: number): string {
  const [day = '', time = ''] = new Date(atMs).toISOString().replace('Z', '').split('T');
  const isSameDay = new Date(mergedAtMs).toISOString().startsWith(day);
  return isSameDay ? time : `${day} ${time}`;
}

function shortened(text: string): string {
  return text.length <= TEXT_MAX ? text : `${text.slice(0, TEXT_MAX - 3)}...`;
}
