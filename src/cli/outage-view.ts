// What people are shown of members that cannot be reached, and of alarms.

import { bytesText, countText, durationText } from '../base/amounts.ts';
import { type LossStatement, lossStatement } from '../group/loss-statement.ts';
import type { OutageStatus, ReplicatorStatus } from '../replicator/status.ts';

/** What one member keeps for another that it cannot reach. */
interface Kept {
  readonly by: string;
  readonly outage: OutageStatus;
}

export interface OutageView {
  readonly region: string;
  readonly kept: readonly Kept[];
  readonly loss: LossStatement | null;
}

/** Members that some other one cannot reach. */
export function outagesIn(statuses: readonly ReplicatorStatus[], nowMs: number): OutageView[] {
  const kept = new Map<string, Kept[]>();
  for (const { region: by, peers } of statuses) {
    for (const { region, outage } of peers) {
      if (!outage) continue;
      const known = kept.get(region) ?? [];
      kept.set(region, [...known, { by, outage }]);
    }
  }
  return [...kept].map(([region, each]) => ({
    region,
    kept: each,
    loss: lossStatement(region, statuses, nowMs) ?? null,
  }));
}

/** Lines below the table of `local status`; none when all is well. */
export function outageLines(statuses: readonly ReplicatorStatus[], nowMs: number): string[] {
  const lines: string[] = [];
  for (const { region, kept, loss } of outagesIn(statuses, nowMs)) {
    for (const { by, outage } of kept) lines.push(keptLine(region, by, outage, nowMs));
    if (loss !== null) lines.push(`  force-unlink of ${region} would lose: ${loss.text}`);
  }
  for (const status of statuses) {
    for (const alarm of alarmsOf(status)) lines.push(`ALARM ${status.region}: ${alarm}`);
  }
  return lines;
}

function keptLine(region: string, by: string, outage: OutageStatus, nowMs: number): string {
  const { ops, bytes, growthBytesPerHour, limitBytes, runwayMs, sinceMs } = outage;
  const growth = growthBytesPerHour === null ? '' : `, ${bytesText(growthBytesPerHour)} per hour`;
  const runway =
    runwayMs === null
      ? `limit ${bytesText(limitBytes)}`
      : `at this rate the limit of ${bytesText(limitBytes)} is reached in ${durationText(runwayMs)}`;
  const away = durationText(nowMs - sinceMs);
  return `${by} cannot reach ${region} for ${away}: keeps ${countText(ops, 'write')}, ${bytesText(bytes)}${growth}; ${runway}`;
}

function alarmsOf(status: ReplicatorStatus): string[] {
  const alarms = status.peers.flatMap(({ region, held, outage, stale }) => [
    ...(stale ? [stale.alarm] : []),
    ...(outage?.alarm ? [outage.alarm] : []),
    ...(held
      ? [
          `writes of ${region} are held: its clock is ${durationText(held.aheadMs)} ahead. Compare the clocks of both, and correct the one that is wrong.`,
        ]
      : []),
  ]);
  if (status.unlinked?.isStale === true) {
    alarms.push(
      `it was away for too long, the others no longer keep what it lacks (STALE): its clients may only read until it has been filled anew. ${countText(status.unlinked.quarantined, 'write')} of its own are in quarantine.`,
    );
  }
  if (status.gap?.isOver === false) {
    alarms.push(
      `writes of its engine were missed, as the backlog did not reach back; keys are compared with another region: ${countText(status.gap.comparing, 'key')} differ as far as is known.`,
    );
  }
  if (status.diskAlarm) alarms.push(status.diskAlarm);
  if (status.engineMemory?.alarm) alarms.push(status.engineMemory.alarm);
  if (status.clock?.alarm) alarms.push(status.clock.alarm);
  return alarms;
}
