// group.json: what a group on this machine consists of. Written before its first process starts and
// after every change, so that whoever reads it finds every process, also after a crash half-way.

import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { OperatorError } from '../base/errors.ts';
import type { EngineUsers } from '../engine/acl.ts';
import { isRunning, type KnownProcess } from '../engine/pid.ts';
import { engineProcess } from '../engine/process.ts';
import { withGroupLockSync } from './group-lock.ts';
import { replicatorProcess } from './replicator-process.ts';

export const ENGINE_HUNG_AFTER_MS = 15_000;

const port = z.int().min(1).max(65_535);
/** 0: not started yet. */
const pid = z.int().min(0);

const standbySchema = z.strictObject({
  port,
  pid,
  /** It has taken the engine's place, and another one its own: their folders are the other way round. */
  swapped: z.boolean(),
  /**
   * promoting: the former standby, which is written down as the engine, is being given its role, port and clients.
   * admitting: that is done but for the clients, who wait until the replicator goes on with its stream.
   */
  takeover: z.enum(['none', 'promoting', 'admitting']),
});

/** What a control plane says of a member that it hosts, besides what is the same in all members. */
const hostedSchema = z.strictObject({
  /** SHA-256 of the passwords that its clients may use. */
  clientDigests: z.array(z.string()),
  /** Clients with names of their own. */
  users: z
    .array(
      z.strictObject({
        name: z.string(),
        digests: z.array(z.string()),
        rules: z.array(z.string()).nullable(),
      }),
    )
    .default([]),
  maxmemoryBytes: z.number(),
  /** Where its clients connect with TLS; null: they use the engine's port. */
  tls: z
    .strictObject({ port, caFile: z.string(), certFile: z.string(), keyFile: z.string() })
    .nullable(),
});

/** Of a member that runs on a host elsewhere; its address is that host's. */
const elsewhereSchema = z.strictObject({
  /** Says how the host is reached. */
  hostFile: z.string(),
  /** As the group is called there. */
  group: z.string(),
  /** What its engine shows to clients, and where; null: they use the engine's port. */
  certificate: z.string(),
  tlsPort: port.nullable(),
  /** By the names of the API: the host knows the files. */
  modules: z.array(z.string()),
});

const hungSchema = z.strictObject({ pid, sinceMs: z.number(), obstacle: z.string() });

const memberSchema = z.strictObject({
  /** Replica id. */
  id: z.int().min(1),
  region: z.string(),
  host: z.string(),
  /** Where peers reach its replicator, if that is another address. */
  peerHost: z.string().optional(),
  enginePort: port,
  /** Where the replicator listens for its peers. */
  replicatorPort: port,
  /** HTTP of the replicator. */
  adminPort: port,
  enginePid: pid,
  replicatorPid: pid,
  /**
   * linked: it takes part. joining: it is being filled, clients are refused. unlinked: the others do without it.
   * draining: its engine's data is lost, and its replicator hands over what only it has.
   */
  state: z.enum(['linked', 'joining', 'unlinked', 'draining']),
  /** Its processes are not to run. */
  stopped: z.boolean(),
  /** A second engine that follows the first and takes its place when that dies; null: there is none. */
  standby: standbySchema.nullable().default(null),
  /** Its engine was a standby once, and is where those are; it has none any more. */
  wasStandby: z.boolean().optional(),
  /** Its engine hangs: this process has answered nothing since then (ms since the epoch), and why it is left alone. */
  hung: hungSchema.optional(),
  hosted: hostedSchema.optional(),
  /** Absent: it runs on this machine. */
  elsewhere: elsewhereSchema.optional(),
});

const replicatorOptionsSchema = z.strictObject({
  logLevel: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace']).optional(),
  gatherMs: z.number().optional(),
  conflictValues: z.boolean().optional(),
  functions: z.enum(['local', 'replicated']).optional(),
  /** Bytes of a segment of the log. */
  segmentBytes: z.number().optional(),
  /** What the log may grow to while a member cannot be reached. */
  logMaxBytes: z.number().optional(),
  fsync: z.enum(['no', 'everysec', 'always']).optional(),
});

const groupSchema = z.strictObject({
  version: z.literal(1),
  group: z.string(),
  epoch: z.int(),
  plain: z.boolean(),
  wan: z.boolean(),
  /** The folder did not exist before; it goes with the group. */
  madeDir: z.boolean(),
  engine: z.strictObject({
    path: z.string(),
    kind: z.enum(['redis', 'valkey']),
    version: z.string(),
    maxmemoryBytes: z.number(),
    maxmemoryPolicy: z.string().optional(),
    /** Absolute paths of the modules that every engine loads. */
    modules: z.array(z.string()).default([]),
  }),
  clientPassword: z.string().nullable(),
  replicatorPassword: z.string(),
  /** The script that replicators run. */
  replicatorScript: z.string(),
  supervisorPid: pid,
  /** The process with which the group ends; null: it stays until it is taken down. */
  owner: z.strictObject({ pid, marker: z.string().min(1) }).nullable(),
  /** How replicators are set up; absent: as they are by default. */
  replicators: replicatorOptionsSchema,
  /** Every member has a standby. */
  standbys: z.boolean().default(false),
  /** An engine that has answered nothing for so long hangs, and its standby takes its place; 0: it never does. */
  engineHungAfterMs: z.number().min(0).default(ENGINE_HUNG_AFTER_MS),
  members: z.array(memberSchema).min(1),
  /** Addresses by region; this machine's own where there are none. */
  hosts: z
    .record(z.string(), z.strictObject({ host: z.string(), peerHost: z.string() }))
    .default({}),
  /** Former members, with the last of their writes that the others keep. */
  gone: z.array(z.strictObject({ id: z.int().min(1), region: z.string(), last: z.int().min(0) })),
  /** No member ever had this replica id or a higher one. */
  nextId: z.int().min(2),
});

export type Hosted = z.infer<typeof hostedSchema>;
export type GroupMember = z.infer<typeof memberSchema>;
export type HungEngine = z.infer<typeof hungSchema>;
export type MemberStandby = z.infer<typeof standbySchema>;
export type ReplicatorOptions = z.infer<typeof replicatorOptionsSchema>;
export type GroupFile = z.infer<typeof groupSchema>;

/** The group in this folder; null when there is none. */
export function readGroupFile(dir: string): GroupFile | null {
  const file = groupFile(dir);
  let text = '';
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return null;
  }
  const parsed = groupSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new OperatorError(
    'GROUP_FILE_INVALID',
    `${file} is not a group of this version of atoll`,
    'Stop its processes by the pids in it, and remove the folder.',
  );
}

/** The group in this folder. Throws OperatorError when there is none. */
export function existingGroup(dir: string): GroupFile {
  const group = readGroupFile(dir);
  if (group !== null) return group;
  throw new OperatorError(
    'GROUP_NOT_FOUND',
    `no group in ${resolve(dir)}`,
    'Start one with `atoll local up --dir D --regions eastus,westeurope,japaneast`.',
  );
}

/** Reads the group, writes what `change` makes of it, and returns that. No other change comes between. */
export function updateGroup(dir: string, change: (group: GroupFile) => GroupFile): GroupFile {
  existingGroup(dir);
  return withGroupLockSync(dir, 'file', 'writing group.json', () => {
    const changed = change(existingGroup(dir));
    writeGroupFile(dir, changed);
    return changed;
  });
}

/** Changes what is written down about the member of a region. */
export function updateMember(
  dir: string,
  region: string,
  change: Partial<GroupMember>,
): GroupMember {
  const group = updateGroup(dir, (file) => ({
    ...file,
    members: file.members.map((one) => (one.region === region ? { ...one, ...change } : one)),
  }));
  return memberOf(group, region);
}

/** The member in a region. Throws OperatorError when there is none. */
export function memberOf(
  { members }: { readonly members: readonly GroupMember[] },
  region: string,
): GroupMember {
  const found = members.find((member) => member.region === region);
  if (found !== undefined) return found;
  const regions = members.map((member) => member.region).join(', ');
  throw new OperatorError(
    'MEMBER_UNKNOWN',
    `the group has no member in ${region}`,
    `Its regions are ${regions}.`,
  );
}

/** Replaces the file as a whole: a reader sees the old one or the new one. */
export function writeGroupFile(dir: string, group: GroupFile): void {
  const file = groupFile(dir);
  writeFileSync(`${file}.new`, `${JSON.stringify(group, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

export function groupFile(dir: string): string {
  return join(dir, 'group.json');
}

export function memberDir(dir: string, member: Pick<GroupMember, 'region'>): string {
  return join(dir, member.region);
}

/** One that has not been started yet. */
export function newStandby(port: number): MemberStandby {
  return { port, pid: 0, swapped: false, takeover: 'none' };
}

/** What is known of the engine that the member has now; null: it does not hang. */
export function hungOf({ hung, enginePid }: GroupMember): HungEngine | null {
  return hung?.pid === enginePid ? hung : null;
}

/** Where the files of the member's engine are. */
export function engineDir(dir: string, member: GroupMember): string {
  const folder = memberDir(dir, member);
  const isSwapped = member.standby?.swapped ?? member.wasStandby === true;
  return isSwapped ? join(folder, 'standby') : folder;
}

/** Where those of its standby are. */
export function standbyDir(dir: string, member: GroupMember): string {
  const folder = memberDir(dir, member);
  return member.standby?.swapped === true ? folder : join(folder, 'standby');
}

export function engineOf(dir: string, member: GroupMember): KnownProcess {
  return engineProcess(member.enginePid, engineDir(dir, member));
}

export function standbyOf(dir: string, member: GroupMember): KnownProcess {
  return engineProcess(member.standby?.pid ?? 0, standbyDir(dir, member));
}

/** Those who take part, or are going to. */
export function presentMembers({ members }: GroupFile): GroupMember[] {
  return members.filter(({ state }) => state === 'linked' || state === 'joining');
}

/** Those whom a configuration names as members: also one whose replicator has yet to hand over what it has logged. */
export function configuredMembers({
  members,
  gone,
}: Pick<GroupFile, 'members' | 'gone'>): GroupMember[] {
  const isGone = (id: number): boolean => gone.some((former) => former.id === id);
  return members.filter(({ id, state }) => state !== 'unlinked' && !isGone(id));
}

/** What every engine of the group is started with, besides what its member says. */
export function engineSettings({ engine }: GroupFile, { host, hosted }: GroupMember) {
  const { maxmemoryPolicy, modules } = engine;
  return {
    bind: host,
    maxmemoryBytes: hosted?.maxmemoryBytes ?? engine.maxmemoryBytes,
    modules,
    ...(maxmemoryPolicy === undefined ? {} : { maxmemoryPolicy }),
    tls: hosted?.tls ?? null,
  };
}

/** The addresses of a member of a region. */
export function hostsOf({ hosts }: Pick<GroupFile, 'hosts'>, region: string) {
  return hosts[region] ?? { host: '127.0.0.1' };
}

/** Who may use the engine of this member. */
export function usersOf(group: GroupFile, { hosted }: GroupMember): EngineUsers {
  const { clientPassword, replicatorPassword } = group;
  return {
    ...{ clientPassword, replicatorPassword },
    clientDigests: hosted?.clientDigests,
    named: hosted?.users,
  };
}

export function replicatorOf(dir: string, member: GroupMember): KnownProcess {
  return replicatorProcess(member.replicatorPid, memberDir(dir, member));
}

export function supervisorOf(dir: string, group: GroupFile): KnownProcess {
  return { pid: group.supervisorPid, marker: `--group ${groupFile(dir)}` };
}

/** Whether any process of the group is there. */
export function isGroupRunning(dir: string, group: GroupFile): boolean {
  const processes = [supervisorOf(dir, group)];
  for (const member of group.members) {
    processes.push(engineOf(dir, member), standbyOf(dir, member), replicatorOf(dir, member));
  }
  return processes.some(isRunning);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
