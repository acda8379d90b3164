// The files of the members of a group on this machine: certificates and the settings of replicators.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { REPLICATOR_USER } from '../engine/acl.ts';
import type { ReplicatorConfig } from '../replicator/config.ts';
import { GroupAuthority } from './authority.ts';
import { type GroupFile, type GroupMember, memberDir } from './group-file.ts';
import { roundTripMs } from './regions.ts';
import { writeReplicatorSettings } from './replicator-process.ts';

export interface MemberOptions {
  readonly logLevel?: ReplicatorConfig['logLevel'] | undefined;
  readonly gatherMs?: number;
  readonly conflictValues?: boolean;
  readonly functions?: ReplicatorConfig['functions'] | undefined;
}

/** Writes, for every member, its folder, its certificate and replicator.json. */
export async function writeMemberSettings(
  dir: string,
  group: GroupFile,
  options: MemberOptions,
): Promise<void> {
  const authority = group.plain ? null : await GroupAuthority.create(join(dir, 'tls'), group.group);
  for (const member of group.members) {
    const folder = memberDir(dir, member);
    mkdirSync(join(folder, 'state'), { recursive: true, mode: 0o700 });
    writeReplicatorSettings(folder, {
      group: group.group,
      epoch: group.epoch,
      self: member.id,
      members: group.members.map(({ id, region, host, replicatorPort }) => ({
        id,
        region,
        host,
        port: replicatorPort,
      })),
      engine: {
        host: member.host,
        port: member.enginePort,
        username: REPLICATOR_USER,
        password: group.replicatorPassword,
      },
      stateDir: join(folder, 'state'),
      admin: { host: member.host, port: member.adminPort },
      tls: authority === null ? null : await authority.issue(member.region),
      link: { delayMs: group.wan ? delaysMs(group.members, member) : {} },
      conflicts: { values: options.conflictValues === true },
      ...(options.functions === undefined ? {} : { functions: options.functions }),
      ...(options.gatherMs === undefined ? {} : { gatherMs: options.gatherMs }),
      ...(options.logLevel === undefined ? {} : { logLevel: options.logLevel }),
    });
  }
}

/** Half a round trip towards each peer, by replica id. */
function delaysMs(members: readonly GroupMember[], self: GroupMember): Record<string, number> {
  const peers = members.filter((member) => member.id !== self.id);
  return Object.fromEntries(
    peers.map((peer) => [String(peer.id), roundTripMs(self.region, peer.region) / 2]),
  );
}
