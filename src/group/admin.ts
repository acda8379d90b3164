// Talks to the admin address of a replicator: its status, what it knows of conflicts and keys, and cutting
// and healing its links.

import type { z } from 'zod';
import { OperatorError } from '../base/errors.ts';
import {
  type ConflictsAnswer,
  conflictsAnswerSchema,
  type KeyAnswer,
  keyAnswerSchema,
} from '../replicator/answers.ts';
import { type JoinProgress, joinProgressSchema } from '../replicator/join/progress.ts';
import { type ReplicatorStatus, replicatorStatusSchema } from '../replicator/status.ts';
import type { GroupMember } from './group-file.ts';
import { RemoteMember } from './remote-member.ts';

export type AdminAddress = Pick<GroupMember, 'region' | 'host' | 'adminPort' | 'elsewhere'>;

const TIMEOUT_MS = 5_000;

export async function readStatus(member: AdminAddress): Promise<ReplicatorStatus> {
  return await ask(member, '/status', replicatorStatusSchema);
}

export interface ConflictsQuestion {
  /** Latin1; undefined: all keys. */
  readonly key?: string | undefined;
  /** The newest so many. */
  readonly limit?: number | undefined;
}

/** The conflicts that were recorded in this region, the newest first. */
export async function readConflicts(
  member: AdminAddress,
  { key, limit }: ConflictsQuestion,
): Promise<ConflictsAnswer> {
  const parameters = [
    ...(key === undefined ? [] : [`key=${percentEncoded(key)}`]),
    ...(limit === undefined ? [] : [`limit=${limit}`]),
  ];
  return await ask(member, `/conflicts?${parameters.join('&')}`, conflictsAnswerSchema);
}

/** What this region's replicator knows of a key (latin1). */
export async function readKey(member: AdminAddress, key: string): Promise<KeyAnswer> {
  return await ask(member, `/keys?key=${percentEncoded(key)}`, keyAnswerSchema);
}

/** How far a member that joins has come; null: it does not join, or cannot say yet. */
export async function readJoin(member: AdminAddress): Promise<JoinProgress | null> {
  return await ask(member, '/join', joinProgressSchema.nullable()).catch(() => null);
}

/** As `readStatus`; null when it does not answer. */
export async function readStatusIfUp(member: AdminAddress): Promise<ReplicatorStatus | null> {
  return await readStatus(member).catch(() => null);
}

/** Stops all traffic between this replicator and these peers. */
export async function cutLinks(member: AdminAddress, peers: readonly number[]): Promise<void> {
  await request(member, '/links/cut', { peers });
}

/** Lets traffic flow again; with all peers when none are named. */
export async function healLinks(member: AdminAddress, peers?: readonly number[]): Promise<void> {
  await request(member, '/links/heal', peers === undefined ? {} : { peers });
}

async function ask<T>(member: AdminAddress, path: string, schema: z.ZodType<T>): Promise<T> {
  const parsed = schema.safeParse(await request(member, path));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const name = path.split('?')[0];
  throw unusable(member, `${name}: ${issue?.path.join('.')}: ${issue?.message}`);
}

/** Byte by byte: a key need not be text. */
function percentEncoded(latin1: string): string {
  return latin1.replace(/[^A-Za-z0-9_.~-]/g, (character) => {
    return `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}

async function request(member: AdminAddress, path: string, body?: object): Promise<unknown> {
  try {
    const { status, text } = await exchange(member, path, body);
    if (status !== 200) throw unusable(member, `${path}: ${status} ${text.slice(0, 200)}`);
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw unusable(member, cause instanceof Error ? cause.message : String(cause));
  }
}

async function exchange(member: AdminAddress, path: string, body?: object) {
  const remote = RemoteMember.of(member);
  if (remote !== null) return await remote.ask(path, body);
  const response = await fetch(`http://${member.host}:${member.adminPort}${path}`, {
    signal: AbortSignal.timeout(TIMEOUT_MS),
    ...(body === undefined
      ? {}
      : {
          method: 'POST',
          body: JSON.stringify(body),
          headers: { 'content-type': 'application/json' },
        }),
  });
  return { status: response.status, text: await response.text() };
}

function unusable(member: AdminAddress, why: string): OperatorError {
  return new OperatorError(
    'REPLICATOR_UNREACHABLE',
    `the replicator of ${member.region} (${member.host}:${member.adminPort}) does not answer: ${why}`,
    'See its replicator.log; `atoll local status` shows which processes run.',
  );
}
