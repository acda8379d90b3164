// What a new member's replicator does before it begins to replicate: it becomes a fork of its donor.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { OperatorError } from '../../base/errors.ts';
import type { ReplicatorConfig } from '../config.ts';
import { encodeForked } from '../journal.ts';
import { Log } from '../log/log.ts';
import { dropHeldSnapshot } from './held-file.ts';
import { type Joined, joinFrom } from './join.ts';
import { isJoinUnfinished, joinFinished } from './join-marker.ts';
import type { JoinProgress } from './progress.ts';

/** Whether this member still has to join before it can replicate. */
export function mustJoin({ join: wish, stateDir }: ReplicatorConfig): boolean {
  if (wish === undefined) return false;
  return isJoinUnfinished(stateDir) || !existsSync(join(stateDir, 'log'));
}

/** Joins; when it resolves, the member can start as after any restart. Throws OperatorError. */
export async function becomeMember(
  config: ReplicatorConfig,
  logger: Logger,
  onProgress: (progress: JoinProgress) => void,
): Promise<void> {
  const donor = config.members.find(({ id }) => id === config.join?.donor);
  if (donor === undefined || donor.gone !== undefined) {
    throw new OperatorError(
      'JOIN_DONOR_UNKNOWN',
      `replica ${config.join?.donor}, from which this member is to join, is no member`,
      'Name one of the members as the donor.',
    );
  }
  logger.info({ donor: donor.region }, 'joining: taking everything over from the donor');
  const joined = await joinFrom({ config, donor, engine: config.engine, logger, onProgress });
  await appendFork(config, joined, logger);
  joinFinished(config.stateDir);
  dropHeldSnapshot(config.stateDir);
  logger.info({ donor: donor.region, position: joined.position }, 'joined');
}

/** From here on the copied log is this member's own. */
async function appendFork(
  config: ReplicatorConfig,
  { position, replicationId, logDir }: Joined,
  logger: Logger,
): Promise<void> {
  const { log, records } = Log.open(logDir, {
    segmentBytes: Number.POSITIVE_INFINITY,
    fsync: 'always',
    logger,
    checkpoint: () => {
      throw new Error('assertion failed: a copied log has its segments');
    },
  });
  for (const _ of records);
  log.append([encodeForked({ self: config.self, replicationId, position })]);
  await log.close();
}
