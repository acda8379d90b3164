// The files of the members of a group on this machine: certificates and the settings of replicators.

import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { REPLICATOR_USER } from '../engine/acl.ts';
import { GroupAuthority } from './authority.ts';
import {
  configuredMembers,
  type GroupFile,
  type GroupMember,
  memberDir,
  presentMembers,
} from './group-file.ts';
import { roundTripMs } from './regions.ts';
import { RemoteMember } from './remote-member.ts';
import { type ReplicatorSettings, writeReplicatorSettings } from './replicator-process.ts';

const LOOPBACK = '127.0.0.1';

/** Writes, for everyone who takes part, its folder, its certificate and replicator.json. */
export async function writeMemberSettings(dir: string, group: GroupFile): Promise<void> {
  for (const member of presentMembers(group)) await writeSettingsOf(dir, group, member);
}

/** Writes those of one member. `special`: it takes part no more but hands over what it has logged, or it joins. */
export async function writeSettingsOf(
  dir: string,
  group: GroupFile,
  member: GroupMember,
  special: Pick<ReplicatorSettings, 'join' | 'drains'> = {},
): Promise<void> {
  const remote = RemoteMember.of(member);
  if (remote !== null) {
    const settings = { ...settingsOf(group, dir, member, null), ...special };
    const authority = await authorityIn(join(dir, 'tls'), group.group);
    return await remote.writeSettings(settings, authority);
  }
  const folder = memberDir(dir, member);
  mkdirSync(stateDir(folder, member), { recursive: true, mode: 0o700 });
  const authority = group.plain ? null : await authorityIn(join(dir, 'tls'), group.group);
  const tls = authority === null ? null : await authority.certificateOf(member.region);
  writeReplicatorSettings(folder, { ...settingsOf(group, dir, member, tls), ...special });
}

/** Where a replicator keeps its log; another one for each of a member's incarnations. */
export function stateDir(folder: string, member: Pick<GroupMember, 'id'>): string {
  return join(folder, `state-${member.id}`);
}

async function authorityIn(dir: string, group: string): Promise<GroupAuthority> {
  if (existsSync(join(dir, 'ca.key'))) return await GroupAuthority.open(dir);
  return await GroupAuthority.create(dir, group);
}

function settingsOf(
  group: GroupFile,
  dir: string,
  member: GroupMember,
  tls: ReplicatorSettings['tls'],
): ReplicatorSettings {
  const { logLevel, gatherMs, conflictValues, functions } = group.replicators;
  const { segmentBytes, logMaxBytes, fsync } = group.replicators;
  const present = configuredMembers(group);
  // One that hands over has to know itself.
  if (!present.some(({ id }) => id === member.id)) present.push(member);
  return {
    group: group.group,
    epoch: group.epoch,
    self: member.id,
    members: [
      ...present.map(({ id, region, host, peerHost, replicatorPort }) => ({
        id,
        region,
        host: peerHost ?? host,
        port: replicatorPort,
      })),
      ...group.gone.map(({ id, region, last }) => ({
        id,
        region,
        host: member.host,
        port: 0,
        gone: { last },
      })),
    ],
    engine: {
      host: member.host,
      port: member.enginePort,
      username: REPLICATOR_USER,
      password: group.replicatorPassword,
    },
    ...(member.standby === null
      ? {}
      : { standby: { host: member.host, port: member.standby.port } }),
    stateDir: stateDir(memberDir(dir, member), member),
    // Elsewhere the host asks for others.
    admin: {
      host: member.elsewhere === undefined ? member.host : LOOPBACK,
      port: member.adminPort,
    },
    tls,
    link: { delayMs: group.wan ? delaysMs(present, member) : {} },
    log: {
      ...(segmentBytes === undefined ? {} : { segmentBytes }),
      ...(logMaxBytes === undefined ? {} : { maxBytes: logMaxBytes }),
      ...(fsync === undefined ? {} : { fsync }),
    },
    conflicts: { values: conflictValues === true },
    ...(functions === undefined ? {} : { functions }),
    ...(gatherMs === undefined ? {} : { gatherMs }),
    ...(logLevel === undefined ? {} : { logLevel }),
  };
}

/** Half a round trip towards each peer, by replica id. */
function delaysMs(members: readonly GroupMember[], self: GroupMember): Record<string, number> {
  const peers = members.filter((member) => member.id !== self.id);
  return Object.fromEntries(
    peers.map((peer) => [String(peer.id), roundTripMs(self.region, peer.region) / 2]),
  );
}
