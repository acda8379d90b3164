// Members on hosts elsewhere, as the supervisor of a group looks after them. What dies is started again by the host;
// here it is seen to that a member whose data is lost is filled again, and that one whose host was away in the
// middle of a change has the present configuration.

import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { readStatusIfUp } from './admin.ts';
import { existingGroup, type GroupMember, memberOf, updateMember } from './group-file.ts';
import { ifUnlocked } from './group-lock.ts';
import type { MemberState } from './host-protocol.ts';
import { keepMember, startMemberReplicator, stopMemberReplicator } from './member-processes.ts';
import { writeSettingsOf } from './member-settings.ts';
import { RemoteMember } from './remote-member.ts';

const LOOK_EVERY_MS = 1_000;

/** What is wrong with a member that takes part. */
type Trouble = 'none' | 'data-lost' | 'unkept' | 'silent' | 'old-epoch';

export class RemoteWatch {
  readonly #dir: string;
  readonly #log: Logger;
  readonly #busy = new Set<string>();

  constructor(dir: string, log: Logger) {
    this.#dir = dir;
    this.#log = log;
  }

  /** Looks once a second, beside everything else: a host may take long to answer, or never do. */
  look(member: GroupMember): void {
    const remote = RemoteMember.of(member);
    const { region } = member;
    if (remote === null || this.#busy.has(region)) return;
    this.#busy.add(region);
    this.#look(region, remote)
      .catch((err: unknown) => this.#log.error({ region, err }, 'a member on a host is in trouble'))
      .then(() => delay(LOOK_EVERY_MS))
      .finally(() => this.#busy.delete(region));
  }

  async #look(region: string, remote: RemoteMember): Promise<void> {
    if ((await this.#trouble(region, remote)) === 'none') return;
    // What is changed just now looks the same; once nobody changes anything it is judged again.
    await ifUnlocked(this.#dir, 'membership', `looking after ${region}`, async () => {
      await ifUnlocked(this.#dir, 'processes', `looking after ${region}`, async () => {
        await this.#mend(region, await this.#trouble(region, remote));
      });
    });
  }

  async #trouble(region: string, remote: RemoteMember): Promise<Trouble> {
    const group = existingGroup(this.#dir);
    const member = group.members.find((one) => one.region === region);
    if (member === undefined || member.state !== 'linked' || member.stopped) return 'none';
    const state: MemberState | null = await remote.state().catch(() => null);
    if (state === null) return 'none';
    if (!state.isThere || state.isDataLost) return 'data-lost';
    if (!state.isKept) return 'unkept';
    if (!state.engine) return 'none';
    if (!state.replicator) return state.wantsReplicator ? 'none' : 'silent';
    const status = await readStatusIfUp(member);
    return status !== null && status.epoch < group.epoch ? 'old-epoch' : 'none';
  }

  async #mend(region: string, trouble: Trouble): Promise<void> {
    const group = existingGroup(this.#dir);
    if (trouble === 'none') return;
    const member = memberOf(group, region);
    if (trouble === 'data-lost') {
      this.#log.error({ region }, `THE ENGINE OF ${region} HAS LOST ITS DATA`);
      updateMember(this.#dir, region, { state: 'draining' });
      return;
    }
    if (trouble === 'unkept') return await keepMember(member);
    this.#log.warn({ region }, `the replicator of ${region} gets the present configuration`);
    await stopMemberReplicator(this.#dir, member);
    await writeSettingsOf(this.#dir, group, member);
    void startMemberReplicator(this.#dir, group, member);
  }
}
