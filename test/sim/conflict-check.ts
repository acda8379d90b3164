// What simulated regions have recorded of conflicts must be true of the ops, and the same in all regions. Each
// function throws with what is not.

import type { ConflictRecord } from '../../src/replicator/conflicts/conflict-log.ts';
import type { Region } from './region.ts';

/** Conflicts that this region has counted, in all lives of its replicator. */
export function conflictsOf(region: Region): number {
  let count = 0;
  for (const log of region.conflicts) {
    for (const ofType of Object.values(log.countsByType)) count += ofType;
  }
  return count;
}

/** Every record is of writes of two regions, and whoever recorded the same pair says the same of it. */
export function checkRecords(regions: readonly Region[]): void {
  const said = new Map<string, string>();
  for (const region of regions) {
    for (const record of recordsOf(region)) {
      const dots = [record.winner, record.loser].map(({ replica, seq }) => `${replica}/${seq}`);
      if (record.winner.replica === record.loser.replica) throw wrong(region, 'one writer', record);
      const words = `${record.key}: ${record.rule}: ${dots.join(' over ')}`;
      const pair = `${record.type === 'expiry'} ${dots.sort().join(' ')}`;
      const others = said.get(pair) ?? words;
      if (others !== words) throw wrong(region, `elsewhere ${others}`, record);
      said.set(pair, words);
    }
  }
}

/** Records and what was skipped are all that was counted, as long as nothing was thrown out. */
export function checkCounts(regions: readonly Region[]): void {
  for (const region of regions) {
    const recorded = recordsOf(region).reduce((sum, { skipped }) => sum + 1 + skipped, 0);
    const counted = conflictsOf(region);
    if (recorded !== counted) {
      throw new Error(`region ${region.id} counted ${counted} conflicts and tells of ${recorded}`);
    }
  }
}

export function checkNone(regions: readonly Region[]): void {
  for (const region of regions) {
    const [record] = recordsOf(region);
    if (record !== undefined) throw wrong(region, 'nothing was concurrent', record);
    if (conflictsOf(region) > 0) throw new Error(`region ${region.id} counted conflicts`);
  }
}

function recordsOf(region: Region): ConflictRecord[] {
  return region.conflicts.flatMap((log) => log.newestFirst());
}

function wrong(region: Region, why: string, record: ConflictRecord): Error {
  return new Error(`region ${region.id} has a wrong record (${why}): ${JSON.stringify(record)}`);
}
