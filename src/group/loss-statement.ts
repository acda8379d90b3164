// What force-unlinking a member would lose, from what every member that answers knows: a pure function over their
// statuses.
//
// A survivor knows which writes of the lost member it has received, and how far that member said that it had
// written (its statements carry it, so they run ahead of the writes only while writes are on the way). What it
// wrote after it was last heard nobody can know, unless its own replicator still answers.

import { bytesText, countText, durationText } from '../base/amounts.ts';
import type { PeerStatus, ReplicatorStatus } from '../replicator/status.ts';

/** Writes with their size and age, as far as these are known. */
export interface WriteAmount {
  readonly writes: number;
  /** About; null: not known. */
  readonly bytes: number | null;
  /** At most; null: not known. */
  readonly oldestMs: number | null;
}

export interface LossStatement {
  readonly region: string;
  /** Known to the lost member only: force-unlink loses them. */
  readonly lost: WriteAmount;
  /** The lost member's replicator answered: nothing else is lost. */
  readonly isExact: boolean;
  /** How long ago any survivor last had a link with it: what it wrote since is not counted. */
  readonly unheardMs: number | null;
  /** Writes that one survivor alone has: it hands them to the others before the member is dropped. */
  readonly onlyOne: (WriteAmount & { readonly region: string }) | null;
  readonly text: string;
}

/** `statuses`: of all members that answer. `nowMs`: wall clock. Undefined: no survivor knows of such a member. */
export function lossStatement(
  region: string,
  statuses: readonly ReplicatorStatus[],
  nowMs: number,
): LossStatement | undefined {
  const survivors = statuses
    .filter((status) => status.region !== region)
    .flatMap((status) => {
      const peer = status.peers.find((one) => one.region === region);
      return peer === undefined ? [] : [{ status, peer, received: peer.writes?.received ?? 0 }];
    })
    .sort((a, b) => b.received - a.received);
  const [best, second] = survivors;
  if (best === undefined) return undefined;
  const own = statuses.find((status) => status.region === region);
  const said = Math.max(...survivors.map(({ peer }) => peer.writes?.said ?? 0));
  const written = own?.versionVector[String(own.id)] ?? said;
  const writes = Math.max(0, written - best.received);
  const perWrite = bytesPerWrite(survivors.map(({ peer }) => peer));
  const inItsLog = own?.peers.find((peer) => peer.id === best.status.id);
  const lost =
    inItsLog === undefined
      ? { writes, bytes: estimate(writes, perWrite), oldestMs: null }
      : { writes, ...partOf(inItsLog, writes) };
  const heard = survivors.map(({ peer }) => (peer.outage ? nowMs - peer.outage.sinceMs : 0));
  const isExact = own !== undefined;
  const unheardMs = isExact ? null : Math.max(0, Math.min(...heard));
  const ahead = second === undefined ? 0 : best.received - second.received;
  const onlyOne =
    ahead === 0
      ? null
      : {
          region: best.status.region,
          writes: ahead,
          bytes: estimate(ahead, perWrite),
          oldestMs: best.peer.writes?.oldestMs ?? null,
        };
  const statement = { region, lost, isExact, unheardMs, onlyOne };
  return { ...statement, text: describe(statement) };
}

function describe({ region, lost, unheardMs, onlyOne }: Omit<LossStatement, 'text'>): string {
  const parts = [
    lost.writes === 0
      ? `no write is known to ${region} only`
      : `${amountText(lost)}, known only to ${region}`,
  ];
  if (unheardMs !== null) {
    parts.push(
      `what it wrote since it was last heard, ${durationText(unheardMs)} ago, is not counted`,
    );
  }
  if (onlyOne !== null) {
    parts.push(`${amountText(onlyOne)}, held by ${onlyOne.region} only, go to the others first`);
  }
  return parts.join('; ');
}

/** "2,311 writes, 1.2 MB, oldest 3.4 s" */
function amountText({ writes, bytes, oldestMs }: WriteAmount): string {
  const parts = [countText(writes, 'write')];
  if (bytes !== null) parts.push(bytesText(bytes));
  if (oldestMs !== null) parts.push(`oldest ${durationText(oldestMs)}`);
  return parts.join(', ');
}

/** Of what the lost member's own log holds for the best survivor, the part that this one has not received. */
function partOf(pending: PeerStatus, writes: number): Pick<WriteAmount, 'bytes' | 'oldestMs'> {
  if (writes === 0) return { bytes: 0, oldestMs: null };
  const share = pending.pendingOps === 0 ? 0 : Math.min(1, writes / pending.pendingOps);
  return {
    bytes: Math.round(pending.pendingBytes * share),
    oldestMs: pending.pendingOldestMs ?? null,
  };
}

function bytesPerWrite(peers: readonly PeerStatus[]): number | null {
  const known = peers.find((peer) => (peer.writes?.keptOps ?? 0) > 0)?.writes;
  return known === undefined ? null : known.keptBytes / known.keptOps;
}

function estimate(writes: number, perWrite: number | null): number | null {
  if (writes === 0) return 0;
  return perWrite === null ? null : Math.round(writes * perWrite);
}
