// Looks at every member of a group several times a second: up to when what its engine had answered was taken in by
// its replicator, and up to when another member had it. Who loses an engine, or gives a region up, learns from this
// which answers may be lost. It also remembers every process that the group ever had.

import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { connectEngine, infoField } from '../../src/engine/client.ts';
import { isRunning, type KnownProcess } from '../../src/engine/pid.ts';
import { readStatusIfUp } from '../../src/group/admin.ts';
import {
  engineOf,
  type GroupMember,
  readGroupFile,
  replicatorOf,
  standbyOf,
  supervisorOf,
} from '../../src/group/group-file.ts';
import type { LocalGroup } from '../../src/group/local-group.ts';
import type { ReplicatorStatus } from '../../src/replicator/status.ts';

/** Engines outside of loopback ask for one. */
export const CLIENT_PASSWORD = 'chaos';

const LOOK_EVERY_MS = 150;
const ANSWER_MS = 1_000;
/** A member that takes part is seen this soon. */
const UNSEEN_MS = 3_000;
/** What has been read from the stream may wait this long before it is in the log. */
const IN_LOG_MS = 500;

/** How far the engine had come at a time. */
interface Sample {
  readonly atMs: number;
  readonly offset: number;
  /** Own ops of the replicator once it had come as far. */
  ops: number | null;
}

/** What is known of one incarnation of a member's engine. */
interface Progress {
  readonly name: string;
  readonly samples: Sample[];
  loggedUntilMs: number;
  sharedUntilMs: number;
}

export class Watch {
  readonly #group: LocalGroup;
  readonly #progress = new Map<string, Progress>();
  readonly #engines = new Map<string, { readonly name: string; readonly client: Redis }>();
  readonly #processes = new Map<string, KnownProcess>();
  readonly #startedAtMs = Date.now();
  /** The most memory that a replicator had. */
  rssBytesMax = 0;

  constructor(group: LocalGroup) {
    this.#group = group;
  }

  async run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      await this.look();
      await delay(LOOK_EVERY_MS, undefined, { signal: stop }).catch(() => undefined);
    }
    for (const { client } of this.#engines.values()) client.disconnect();
  }

  /** Answers of the region up to then were in the log of its replicator. */
  loggedUntilMs(region: string): number {
    return this.#progress.get(region)?.loggedUntilMs ?? this.#startedAtMs;
  }

  /** Answers of the region up to then had arrived in another region. */
  sharedUntilMs(region: string): number {
    return this.#progress.get(region)?.sharedUntilMs ?? this.#startedAtMs;
  }

  /** Processes that were once part of the group, and run. */
  leftProcesses(): string[] {
    return [...this.#processes].filter(([, known]) => isRunning(known)).map(([name]) => name);
  }

  note(): readonly GroupMember[] {
    const { dir, members } = this.#group;
    const file = readGroupFile(dir);
    if (file !== null) this.#remember('supervisor', supervisorOf(dir, file));
    for (const member of members) {
      this.#remember(`engine of ${member.region}`, engineOf(dir, member));
      this.#remember(`replicator of ${member.region}`, replicatorOf(dir, member));
      this.#remember(`standby of ${member.region}`, standbyOf(dir, member));
    }
    return members;
  }

  #remember(name: string, known: KnownProcess): void {
    if (known.pid > 0) this.#processes.set(`${name}, process ${known.pid}`, known);
  }

  async look(): Promise<void> {
    const members = this.note().filter(({ state, stopped }) => state === 'linked' && !stopped);
    const looks = await Promise.all(
      members.map(async (member) => {
        const sample = await this.#sample(member);
        const silence = delay(ANSWER_MS).then(() => null);
        return { member, sample, status: await Promise.race([readStatusIfUp(member), silence]) };
      }),
    );
    for (const { member, sample, status } of looks) {
      const progress = this.#progressOf(member);
      if (sample !== null) progress.samples.push(sample);
      if (status === null || status.id !== member.id) continue;
      this.rssBytesMax = Math.max(this.rssBytesMax, status.memory.rssBytes);
      const others = looks.flatMap((look) =>
        look.status === null || look.member === member ? [] : [look.status],
      );
      advance(progress, status, others);
    }
  }

  async #sample(member: GroupMember): Promise<Sample | null> {
    try {
      const client = await this.#engine(member);
      const atMs = Date.now();
      const info = await Promise.race([client.info('replication'), delay(ANSWER_MS)]);
      if (info === undefined) return null;
      const offset = Number(infoField(info, 'master_repl_offset') ?? 'NaN');
      return Number.isNaN(offset) ? null : { atMs, offset, ops: null };
    } catch {
      return null;
    }
  }

  async #engine(member: GroupMember): Promise<Redis> {
    const name = nameOf(member);
    const known = this.#engines.get(member.region);
    if (known?.name === name && known.client.status === 'ready') return known.client;
    known?.client.disconnect();
    this.#engines.delete(member.region);
    const client = await connectEngine({
      host: member.host,
      port: member.enginePort,
      password: CLIENT_PASSWORD,
    });
    this.#engines.set(member.region, { name, client });
    return client;
  }

  #progressOf(member: GroupMember): Progress {
    const name = nameOf(member);
    const known = this.#progress.get(member.region);
    if (known?.name === name) return known;
    // It may have answered clients since a little earlier.
    const sinceMs = Date.now() - UNSEEN_MS;
    const fresh = { name, samples: [], loggedUntilMs: sinceMs, sharedUntilMs: sinceMs };
    this.#progress.set(member.region, fresh);
    return fresh;
  }
}

function nameOf({ id, enginePid }: GroupMember): string {
  return `${id} ${enginePid}`;
}

function advance(
  progress: Progress,
  status: ReplicatorStatus,
  others: readonly ReplicatorStatus[],
): void {
  const id = String(status.id);
  const arrived = Math.max(0, ...others.map(({ received }) => received[id] ?? 0));
  for (const sample of progress.samples) {
    if (sample.ops === null && status.capturedOffset >= sample.offset) {
      sample.ops = status.received[id] ?? 0;
      progress.loggedUntilMs = sample.atMs - IN_LOG_MS;
    }
    if (sample.ops !== null && arrived >= sample.ops) {
      progress.sharedUntilMs = sample.atMs - IN_LOG_MS;
    }
  }
  const first = progress.samples.findIndex(({ ops }) => ops === null || ops > arrived);
  progress.samples.splice(0, first === -1 ? progress.samples.length : first);
}
