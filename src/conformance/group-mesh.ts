// A mesh of real engines and replicators: a group on this machine, made for the run and gone with it.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { assert } from '../base/assert.ts';
import { OperatorError } from '../base/errors.ts';
import { infoField } from '../engine/client.ts';
import { cutLinks, healLinks } from '../group/admin.ts';
import type { GroupMember } from '../group/group-file.ts';
import { LocalGroup } from '../group/local-group.ts';
import { QuietWatch } from '../group/quiet.ts';
import type { JsonReply } from './matcher.ts';
import type { Mesh, PendingReply } from './mesh.ts';

const REGIONS = ['eastus', 'westeurope', 'japaneast', 'westus', 'uksouth'];
const QUIET_TIMEOUT_MS = 10_000;
const CLEAN_ROUNDS_MAX = 5;
const BLOCKED_TIMEOUT_MS = 1_000;
const POLL_MS = 2;
const CAPTURED_WITHIN_MS = '500';

interface Region {
  readonly member: GroupMember;
  readonly client: Redis;
  /** For reads beside the client's transaction. */
  readonly observer: Redis;
}

export class GroupMesh implements Mesh {
  readonly engineVersion: string;
  #lastRegion: number | undefined;
  /** Regions whose client has begun a transaction. */
  readonly #inTransaction = new Set<number>();
  readonly #group: LocalGroup;
  readonly #regions: readonly Region[];
  readonly #quiet: QuietWatch;

  private constructor(group: LocalGroup, regions: readonly Region[], engineVersion: string) {
    this.#group = group;
    this.#regions = regions;
    this.#quiet = new QuietWatch(group.quietMembers);
    this.engineVersion = engineVersion;
  }

  static async up(
    regionCount: number,
    engine: string | undefined,
    modules: readonly string[],
  ): Promise<GroupMesh> {
    const dir = await mkdtemp(join(tmpdir(), 'atoll-conformance-'));
    const regions = REGIONS.slice(0, regionCount);
    let group: LocalGroup | undefined;
    try {
      group = await LocalGroup.up({ dir, regions, plain: true, owned: true, engine, modules });
      const connected = await Promise.all(group.members.map(connectRegion));
      const info = await connected[0]?.client.info('server');
      const mesh = new GroupMesh(group, connected, infoField(info ?? '', 'redis_version') ?? '');
      await mesh.#cutAll();
      return mesh;
    } catch (error) {
      await group?.down();
      await rm(dir, { recursive: true, force: true });
      throw error;
    }
  }

  get regionCount(): number {
    return this.#regions.length;
  }

  async run(region: number, command: readonly string[]): Promise<JsonReply> {
    await this.#captured(region);
    const name = command[0]?.toUpperCase();
    if (name === 'MULTI') this.#inTransaction.add(region);
    if (name === 'EXEC' || name === 'DISCARD') this.#inTransaction.delete(region);
    return await reply(this.#region(region).client, command);
  }

  /** Cases are about writes that follow each other within milliseconds, and writes have the time at which they are
   * captured: what was written in another region is captured before the next command runs. */
  async #captured(next: number): Promise<void> {
    const last = this.#lastRegion;
    this.#lastRegion = next;
    if (last === undefined || last === next || this.#inTransaction.has(last)) return;
    await this.#region(last).client.call('WAIT', '1', CAPTURED_WITHIN_MS);
  }

  runApart(region: number, command: readonly string[]): Promise<JsonReply> {
    return reply(this.#region(region).observer, command);
  }

  async block(region: number, command: readonly string[]): Promise<PendingReply> {
    const { member, observer } = this.#region(region);
    const client = await connectClient(member);
    const id = String(await client.client('ID'));
    const queue = new ReplyQueue(() => client.disconnect());
    // A connection closed before the reply came is no reply.
    void reply(client, command).then(
      (value) => queue.add(value),
      () => {},
    );
    const deadlineMs = performance.now() + BLOCKED_TIMEOUT_MS;
    while (performance.now() < deadlineMs && !queue.filled) {
      const listed = String(await observer.call('CLIENT', 'LIST', 'ID', id));
      if (/ flags=\w*b/.test(listed)) break;
      await delay(POLL_MS);
    }
    return queue;
  }

  async subscribe(region: number, channel: string): Promise<PendingReply> {
    const { member } = this.#region(region);
    const client = await connectClient(member);
    const queue = new ReplyQueue(() => client.disconnect());
    client.on('message', (name, message) => queue.add(['message', name, message]));
    await client.subscribe(channel);
    return queue;
  }

  async sync(regions: 'all' | readonly number[]): Promise<void> {
    const members = this.#members(regions);
    await heal(members);
    await this.#quiet.wait(QUIET_TIMEOUT_MS);
    await this.#cutAll();
  }

  async clean(): Promise<void> {
    await Promise.all(this.#regions.map(({ client }) => endTransaction(client)));
    this.#inTransaction.clear();
    this.#lastRegion = undefined;
    await heal(this.#members('all'));
    await this.#quiet.wait(QUIET_TIMEOUT_MS);
    for (let round = 0; ; round++) {
      const sizes = await Promise.all(this.#regions.map(({ client }) => client.dbsize()));
      if (sizes.every((size) => size === 0)) break;
      if (round === CLEAN_ROUNDS_MAX) {
        const message = `keys are left after ${round} rounds of deleting: ${sizes.join(', ')}`;
        throw new OperatorError('CASES_NOT_CLEAN', message, 'The group will be made anew.');
      }
      // All regions show the same, so one can delete for all; if they do not, each must.
      const deleting = round === 0 && sizes[0] !== 0 ? this.#regions.slice(0, 1) : this.#regions;
      await Promise.all(deleting.map(({ client }) => deleteAll(client)));
      await this.#quiet.wait(QUIET_TIMEOUT_MS);
    }
    await this.#cutAll();
  }

  async close(): Promise<void> {
    this.#quiet.close();
    for (const { client, observer } of this.#regions) {
      client.disconnect();
      observer.disconnect();
    }
    await this.#group.down();
    await rm(this.#group.dir, { recursive: true, force: true });
  }

  async #cutAll(): Promise<void> {
    const members = this.#members('all');
    await Promise.all(members.map((member) => cutLinks(member, idsOfOthers(members, member))));
  }

  #members(regions: 'all' | readonly number[]): GroupMember[] {
    const chosen = regions === 'all' ? this.#regions : regions.map((one) => this.#region(one));
    return chosen.map((region) => region.member);
  }

  #region(number: number): Region {
    const region = this.#regions[number - 1];
    assert(region !== undefined, `the mesh has no region ${number}`);
    return region;
  }
}

/** Values in the order in which they come, for one who waits. */
class ReplyQueue implements PendingReply {
  readonly #values: JsonReply[] = [];
  readonly #onClose: () => void;
  #wake: (() => void) | undefined;

  constructor(onClose: () => void) {
    this.#onClose = onClose;
  }

  get filled(): boolean {
    return this.#values.length > 0;
  }

  add(value: JsonReply): void {
    this.#values.push(value);
    this.#wake?.();
  }

  async next(timeoutMs: number): Promise<JsonReply | undefined> {
    if (!this.filled) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.#values.shift();
  }

  close(): void {
    this.#onClose();
  }
}

async function connectRegion(member: GroupMember): Promise<Region> {
  const [client, observer] = await Promise.all([connectClient(member), connectClient(member)]);
  return { member, client, observer };
}

/** RESP2, because cases have replies in its shapes. A lost connection fails what is under way. */
async function connectClient({ host, enginePort }: GroupMember): Promise<Redis> {
  const client = new Redis({
    host,
    port: enginePort,
    protocol: 2,
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    disableClientInfo: true,
  });
  // Commands report it.
  client.on('error', () => {});
  await client.connect();
  return client;
}

async function heal(members: readonly GroupMember[]): Promise<void> {
  await Promise.all(members.map((member) => healLinks(member, idsOfOthers(members, member))));
}

function idsOfOthers(members: readonly GroupMember[], member: GroupMember): number[] {
  return members.filter((other) => other.id !== member.id).map((other) => other.id);
}

async function reply(client: Redis, [name = '', ...args]: readonly string[]): Promise<JsonReply> {
  try {
    return jsonReply(await client.call(name, ...args));
  } catch (error) {
    if (error instanceof Error && error.name === 'ReplyError') return { error: error.message };
    throw error;
  }
}

function jsonReply(value: unknown): JsonReply {
  if (value === null || typeof value === 'string' || typeof value === 'number') return value;
  if (Array.isArray(value)) return value.map(jsonReply);
  if (value instanceof Error) return { error: value.message };
  return String(value);
}

/** A case may have ended inside MULTI. */
async function endTransaction(client: Redis): Promise<void> {
  await reply(client, ['DISCARD']);
  await reply(client, ['UNWATCH']);
}

async function deleteAll(client: Redis): Promise<void> {
  await reply(client, ['FUNCTION', 'FLUSH']);
  let cursor = '0';
  do {
    const [next, keys] = await client.scan(cursor, 'COUNT', 1000);
    if (keys.length > 0) await client.del(keys);
    cursor = next;
  } while (cursor !== '0');
}
