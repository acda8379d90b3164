// What is done to a member that runs on a host elsewhere: the host does it, as it is done on this machine to one that
// runs here. Every call may come again.

import { setTimeout as delay } from 'node:timers/promises';
import { OperatorError } from '../base/errors.ts';
import type { EngineUsers, NamedUser } from '../engine/acl.ts';
import type { GroupAuthority } from './authority.ts';
import type { GroupMember } from './group-file.ts';
import { HostClient } from './host-client.ts';
import type { CallBody, HostCall, MemberState } from './host-protocol.ts';
import { removeFromHost } from './host-removals.ts';
import { ReplicatorEnded, type ReplicatorSettings } from './replicator-process.ts';

/** While a question is answered; starting, stopping and saving take longer. */
const ASK_MS_MAX = 5_000;
const WORK_MS_MAX = 60_000;
const HOLD_MS_MAX = 3_600_000;
const WATCH_EVERY_MS = 500;

export interface EngineLaunch {
  readonly port: number;
  readonly users: EngineUsers;
  readonly refusesClients: boolean;
  readonly maxmemoryBytes: number;
  readonly maxmemoryPolicy: string | undefined;
}

export class RemoteMember {
  readonly #region: string;
  readonly #elsewhere: NonNullable<GroupMember['elsewhere']>;
  readonly #host: HostClient;

  private constructor(member: Remote, elsewhere: NonNullable<GroupMember['elsewhere']>) {
    this.#region = member.region;
    this.#elsewhere = elsewhere;
    this.#host = new HostClient(elsewhere.hostFile);
  }

  /** Null: it runs on this machine. */
  static of(member: Remote): RemoteMember | null {
    return member.elsewhere === undefined ? null : new RemoteMember(member, member.elsewhere);
  }

  async startEngine({ users, maxmemoryPolicy, ...launch }: EngineLaunch): Promise<void> {
    const { certificate, tlsPort, modules } = this.#elsewhere;
    await this.#host.call(
      'member-engine-start',
      {
        ...this.#name,
        certificate: tlsPort === null ? null : certificate,
        launch: {
          ...{ ...launch, tlsPort, modules },
          users: sentUsers(users),
          ...(maxmemoryPolicy === undefined ? {} : { maxmemoryPolicy }),
        },
      },
      WORK_MS_MAX,
    );
  }

  async stopEngine(): Promise<void> {
    await this.#stop('member-engine-stop');
  }

  /** With a certificate of the group's authority, for a key that the host makes. */
  async writeSettings(settings: ReplicatorSettings, authority: GroupAuthority): Promise<void> {
    const region = this.#region;
    const certificate = `${this.#elsewhere.group}-${region}`;
    const { request } = await this.#host.call('certificate-request', { name: certificate });
    const pem = await authority.sign(request, region, { names: ['localhost'], addresses: [] });
    const installed = { name: certificate, certificate: pem, authority: authority.pem };
    await this.#host.call('certificate-install', installed);
    await this.#host.call('member-settings', { ...this.#name, settings, certificate });
  }

  /** Resolves when it has ended; never, once the host keeps it running. */
  async startReplicator(): Promise<ReplicatorEnded> {
    try {
      await this.#host.call('member-replicator-start', this.#name, WORK_MS_MAX);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return new ReplicatorEnded(this.#region, why, null);
    }
    for (;;) {
      await delay(WATCH_EVERY_MS, undefined, { ref: false });
      const state = await this.state().catch(() => null);
      if (state === null) continue;
      if (state.isKept || !state.isThere) return await new Promise<never>(() => {});
      const { message = 'it was stopped', reason = null } = state.ended ?? {};
      if (!state.replicator) return new ReplicatorEnded(this.#region, message, reason);
    }
  }

  async stopReplicator(): Promise<void> {
    await this.#stop('member-replicator-stop');
  }

  /** From now on the host starts again what dies of it. */
  async keep(): Promise<void> {
    await this.#host.call('member-keep', this.#name);
  }

  async state(): Promise<MemberState> {
    return await this.#host.call('member-state', this.#name, ASK_MS_MAX);
  }

  /** `isAnew`: its engine is empty because nobody has any data. */
  async setAccess(users: EngineUsers, access: 'all' | 'none', isAnew: boolean): Promise<void> {
    const wanted = { access, isAnew, users: sentUsers(users) };
    await this.#host.call('member-access', { ...this.#name, ...wanted });
  }

  async reconfigure(memoryBytes: number, maxmemoryPolicy: string): Promise<void> {
    const settings = { memoryBytes, maxmemoryPolicy };
    await this.#host.call('member-reconfigure', { ...this.#name, ...settings });
  }

  async flush(): Promise<number> {
    return (await this.#host.call('member-flush', this.#name, HOLD_MS_MAX)).keys;
  }

  /** Where the stream of its engine ends. */
  async position(): Promise<number> {
    return (await this.#host.call('member-position', this.#name)).offset;
  }

  /** What its engine says of itself; null: it does not answer. */
  async info(): Promise<string | null> {
    return (await this.#host.call('member-info', this.#name, 2 * ASK_MS_MAX)).info;
  }

  async hold(id: number, isFull: boolean): Promise<void> {
    await this.#host.call('member-hold', { ...this.#name, id, isFull }, HOLD_MS_MAX);
  }

  async wipe(id: number, nextId: number): Promise<void> {
    await this.#host.call('member-wipe', { ...this.#name, id, nextId }, WORK_MS_MAX);
  }

  /** Now, or as soon as the host answers. */
  async remove(): Promise<void> {
    await removeFromHost(this.#elsewhere.hostFile, { what: 'member', ...this.#name });
  }

  /** Asks its replicator. */
  async ask(path: string, body: object | undefined): Promise<{ status: number; text: string }> {
    return await this.#host.call('member-ask', { ...this.#name, path, body }, ASK_MS_MAX);
  }

  /** On a host that was forgotten nothing runs any more. */
  async #stop(name: StopCall): Promise<void> {
    try {
      await this.#host.call(name, this.#name, WORK_MS_MAX);
    } catch (error) {
      if (!(error instanceof OperatorError && error.code === 'HOST_FORGOTTEN')) throw error;
    }
  }

  get #name(): CallBody<'member-keep'> {
    return { group: this.#elsewhere.group, region: this.#region };
  }
}

/** Throws OperatorError for a member elsewhere: the password of its replicator does not cross the network. */
export function checkIsHere({ region, host, elsewhere }: Remote & { readonly host: string }): void {
  if (elsewhere === undefined) return;
  throw new OperatorError(
    'MEMBER_ELSEWHERE',
    `the engine of ${region} runs on a host at ${host} and is not asked from here`,
    'Connect as one of its clients.',
  );
}

type Remote = Pick<GroupMember, 'region' | 'elsewhere'>;
type StopCall = Extract<HostCall, 'member-engine-stop' | 'member-replicator-stop'>;

function sentUsers({ clientPassword, replicatorPassword, clientDigests, named }: EngineUsers) {
  return {
    ...{ clientPassword, replicatorPassword },
    ...(clientDigests === undefined ? {} : { clientDigests: [...clientDigests] }),
    ...(named === undefined ? {} : { named: named.map(sentUser) }),
  };
}

function sentUser({ name, digests, rules }: NamedUser) {
  return { name, digests: [...digests], rules: rules === null ? null : [...rules] };
}
