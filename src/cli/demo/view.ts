// The table of the live view: pure, from two readings of a group to lines of text.

import type { GroupMember } from '../../group/group-file.ts';
import type { JoinProgress } from '../../replicator/join/progress.ts';
import type { ReplicatorStatus } from '../../replicator/status.ts';
import { joinText } from '../join-view.ts';

export interface ViewRow {
  readonly region: string;
  readonly host: string;
  readonly port: number;
  readonly state: GroupMember['state'];
  /** Its processes are not to run. */
  readonly stopped: boolean;
  /** How far it has come; null: it does not join. */
  readonly join: JoinProgress | null;
  /** When it was read; monotonic. */
  readonly atMs: number;
  /** null: the replicator does not answer. */
  readonly status: ReplicatorStatus | null;
}

const HEADING = [
  'REGION',
  'ENDPOINT',
  'KEYS',
  'WRITES/S',
  'LAG FROM PEERS',
  'LIVE INDEX',
  'CONFLICTS',
];

/** One line per region below a heading; all lines have their columns in the same place. */
export function renderView(before: readonly ViewRow[], now: readonly ViewRow[]): string[] {
  const rows = now.map((row) =>
    cells(
      before.find(({ region }) => region === row.region),
      row,
    ),
  );
  // What stands alone in a line may be longer than its column.
  const full = rows.filter((row) => row.length === HEADING.length);
  const widths = HEADING.map((title, column) =>
    Math.max(title.length, ...(column < 2 ? rows : full).map((row) => row[column]?.length ?? 0)),
  );
  return [HEADING, ...rows].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('   ')
      .trimEnd(),
  );
}

function cells(before: ViewRow | undefined, now: ViewRow): string[] {
  const { status } = now;
  const endpoint = `${now.host}:${now.port}`;
  if (status === null || now.state !== 'linked') {
    return [now.region, endpoint, reasonOf(now)];
  }
  const conflicts = Object.values(status.conflicts).reduce((sum, count) => sum + count, 0);
  return [
    now.region,
    endpoint,
    String(status.engine.keys ?? '?'),
    writesPerSecond(before, now),
    status.peers.map((peer) => `${peer.region} ${lag(peer)}`).join(', '),
    `${status.liveIndex.ops} ops`,
    String(conflicts),
  ];
}

/** Why a member has nothing else to show. */
function reasonOf({ state, stopped, join }: ViewRow): string {
  if (stopped) return state === 'linked' ? 'stopped' : `${state}, stopped`;
  if (join !== null) return `joining: ${joinText(join)}`;
  return state === 'linked' ? 'no answer' : state;
}

function writesPerSecond(before: ViewRow | undefined, now: ViewRow): string {
  if (before?.status == null || now.status === null) return '?';
  const seconds = (now.atMs - before.atMs) / 1_000;
  const writes = now.status.captured - before.status.captured;
  // A replicator that was restarted counts from 0 again.
  return seconds > 0 && writes >= 0 ? String(Math.round(writes / seconds)) : '?';
}

function lag(peer: ReplicatorStatus['peers'][number]): string {
  if (peer.cut) return 'cut';
  if (!peer.connected) return 'down';
  return peer.lagMs === null ? '-' : `${peer.lagMs.toFixed(peer.lagMs < 10 ? 1 : 0)} ms`;
}
