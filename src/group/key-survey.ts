// One key in every region of a group: what each engine shows, and what each replicator knows. A region that
// does not answer keeps nobody from seeing the others.

import type { Redis } from 'ioredis';
import { OperatorError } from '../base/errors.ts';
import { connectEngine } from '../engine/client.ts';
import type { ConflictAnswer, KeyAnswer } from '../replicator/answers.ts';
import type { ReplicatorStatus } from '../replicator/status.ts';
import { readConflicts, readKey, readStatus } from './admin.ts';
import { type KeyReading, readEngineKey } from './key-reading.ts';
import { accessTo, type QuietMember } from './quiet.ts';

/** What did not answer, and what to do. */
export interface Silence {
  readonly error: string;
  readonly action: string;
}

export interface ReplicatorView {
  readonly key: KeyAnswer;
  readonly status: ReplicatorStatus;
  /** The last conflict on the key that this region recorded. */
  readonly lastConflict: ConflictAnswer | null;
}

export interface RegionView {
  readonly region: string;
  readonly engine: KeyReading | Silence;
  readonly replicator: ReplicatorView | Silence;
}

const ENGINE_TIMEOUT_MS = 5_000;

/** `key` is latin1. */
export async function surveyKey(
  members: readonly QuietMember[],
  key: string,
): Promise<RegionView[]> {
  return await Promise.all(
    members.map(async (member) => {
      const [engine, replicator] = await Promise.all([
        engineView(member, key),
        replicatorView(member, key),
      ]);
      return { region: member.region, engine, replicator };
    }),
  );
}

async function engineView(member: QuietMember, key: string): Promise<KeyReading | Silence> {
  const { host, enginePort: port, region } = member;
  const signal = AbortSignal.timeout(ENGINE_TIMEOUT_MS);
  let engine: Redis | undefined;
  try {
    engine = await connectEngine(accessTo(member), signal);
    return await readEngineKey(engine, key);
  } catch (error) {
    const late = signal.aborted ? `nothing within ${ENGINE_TIMEOUT_MS / 1000} s` : null;
    const reason = late ?? (error instanceof Error ? error.message : String(error));
    return {
      error: `the engine of ${region} (${host}:${port}) does not answer: ${reason}`,
      action: 'See its engine.log; `atoll local status` shows which processes run.',
    };
  } finally {
    engine?.disconnect();
  }
}

async function replicatorView(member: QuietMember, key: string): Promise<ReplicatorView | Silence> {
  try {
    const [answer, status, conflicts] = await Promise.all([
      readKey(member, key),
      readStatus(member),
      readConflicts(member, { key, limit: 1 }),
    ]);
    return { key: answer, status, lastConflict: conflicts.records[0] ?? null };
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return { error: error.message, action: error.action };
  }
}
