// Waiting until a group has nothing left to do: every write of every region is visible in every
// region that it can reach. Meant for tests and demonstrations, after the writers have stopped.
//
// Quiet means, for every member: its replicator has taken in all that its engine wrote, nothing waits
// there, and members that are connected have each other's writes. As members are asked one after the
// other, this must hold, unchanged, twice in a row.

import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { OperatorError } from '../base/errors.ts';
import { connectEngine, type EngineEndpoint, infoField } from '../engine/client.ts';
import type { ReplicatorStatus } from '../replicator/status.ts';
import { readStatus } from './admin.ts';
import type { GroupMember } from './group-file.ts';
import { checkIsHere } from './remote-member.ts';

export type QuietMember = Pick<
  GroupMember,
  'id' | 'region' | 'host' | 'enginePort' | 'adminPort' | 'elsewhere'
> & {
  /** Of the engine's clients; absent when they need none. */
  readonly clientPassword?: string | null;
  /** Another user who asks the engine, where its clients' passwords are not known. */
  readonly engineUser?: { readonly username: string; readonly password: string };
};

/** As whom to ask a member's engine. Throws OperatorError when that is elsewhere. */
export function accessTo(asked: QuietMember): EngineEndpoint {
  checkIsHere(asked);
  const { host, enginePort: port, ...member } = asked;
  return { host, port, password: member.clientPassword ?? undefined, ...member.engineUser };
}

/** One look at one member. */
export interface MemberReading {
  readonly region: string;
  readonly engineOffset: number;
  readonly status: ReplicatorStatus;
}

const PAUSE_MS = 8;

/** Resolves when the group is quiet; after `timeoutMs` throws an OperatorError saying what is not. */
export async function waitUntilQuiet(
  members: readonly QuietMember[],
  timeoutMs: number,
): Promise<void> {
  const watch = new QuietWatch(members);
  try {
    await watch.wait(timeoutMs);
  } finally {
    watch.close();
  }
}

/** Keeps its connections to the engines, for those who wait often. */
export class QuietWatch {
  readonly #members: readonly QuietMember[];
  readonly #engines = new Map<number, Redis>();

  constructor(members: readonly QuietMember[]) {
    this.#members = members;
  }

  async wait(timeoutMs: number): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs;
    let previous: string | null = null;
    for (;;) {
      const readings = await Promise.all(this.#members.map((member) => this.#read(member)));
      const unrest = readings.flatMap((reading) => (typeof reading === 'string' ? [reading] : []));
      const complete = readings.filter((reading) => typeof reading !== 'string');
      if (unrest.length === 0) unrest.push(...findUnrest(complete));
      const now = unrest.length === 0 ? fingerprint(complete) : null;
      if (now !== null && now === previous) return;
      if (performance.now() > deadlineMs) throw notQuiet(timeoutMs, unrest);
      previous = now;
      await delay(PAUSE_MS);
    }
  }

  close(): void {
    for (const engine of this.#engines.values()) engine.disconnect();
    this.#engines.clear();
  }

  /** The engine's offset is read before the replicator's, so that the latter can have caught up. */
  async #read(member: QuietMember): Promise<MemberReading | string> {
    let engineOffset: number;
    try {
      const info = await (await this.#engine(member)).info('replication');
      engineOffset = Number(infoField(info, 'master_repl_offset') ?? 'NaN');
    } catch (error) {
      this.#engines.get(member.id)?.disconnect();
      this.#engines.delete(member.id);
      return `${member.region}: the engine does not answer: ${String(error)}`;
    }
    try {
      return { region: member.region, engineOffset, status: await readStatus(member) };
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  async #engine(member: QuietMember): Promise<Redis> {
    const known = this.#engines.get(member.id);
    if (known !== undefined) return known;
    const engine = await connectEngine(accessTo(member));
    this.#engines.set(member.id, engine);
    return engine;
  }
}

/** What is not quiet, in words; nothing when all is. */
export function findUnrest(readings: readonly MemberReading[]): string[] {
  const unrest: string[] = [];
  for (const { region, engineOffset, status } of readings) {
    if (!(engineOffset <= status.capturedOffset)) {
      const behind = engineOffset - status.capturedOffset;
      unrest.push(`${region}: ${behind} bytes of the engine's stream not taken in`);
    }
    if (!status.idle) unrest.push(`${region}: not idle`);
    for (const peer of status.peers) {
      if (!peer.connected && !peer.cut) unrest.push(`${region}: not connected with ${peer.region}`);
    }
  }
  const whole = readings.every(({ status }) => status.peers.every((peer) => !peer.cut));
  for (const source of readings) {
    for (const target of readings) {
      if (source === target || !areLinked(source.status, target.status)) continue;
      // With all links up everyone has everything; beyond a cut only the neighbours' own writes come.
      const ids = whole ? Object.keys(source.status.versionVector) : [String(source.status.id)];
      for (const id of ids) {
        const has = target.status.versionVector[id] ?? 0;
        const should = source.status.versionVector[id] ?? 0;
        if (has < should)
          unrest.push(`${target.region}: has ${has} of ${should} ops of member ${id}`);
      }
    }
  }
  return unrest;
}

function areLinked(a: ReplicatorStatus, b: ReplicatorStatus): boolean {
  const there = a.peers.find((peer) => peer.id === b.id);
  const back = b.peers.find((peer) => peer.id === a.id);
  return there?.cut === false && back?.cut === false;
}

function fingerprint(readings: readonly MemberReading[]): string {
  return JSON.stringify(readings.map(({ status }) => Object.entries(status.versionVector).sort()));
}

function notQuiet(timeoutMs: number, unrest: readonly string[]): OperatorError {
  const what = unrest.length === 0 ? 'it keeps changing' : unrest.join('; ');
  return new OperatorError(
    'GROUP_NOT_QUIET',
    `the group is not quiet after ${timeoutMs / 1000} s: ${what}`,
    'Look at `atoll local status` and the replicator logs.',
  );
}
