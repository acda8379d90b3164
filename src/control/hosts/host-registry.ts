// The hosts that belong to this control plane, and how they are just now. Each is asked for its status every two
// seconds; one that has not answered for ten is lost. How to reach a host is in a file of its own in the folder
// (hosts/NAME.json), for supervisors of groups, which are processes of their own.

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { Rounds } from '../../base/rounds.ts';
import { certificateRequest, type GroupAuthority, newKey } from '../../group/authority.ts';
import { HostClient, type HostFile } from '../../group/host-client.ts';
import { CONTROL_NAME, type HostStatus, hostServerName } from '../../group/host-protocol.ts';
import { forgetRemovals, settleRemovals } from '../../group/host-removals.ts';
import type { HostPlace, Hosts } from '../hosting/hosts.ts';
import type { Store } from '../store/store.ts';
import { allHosts, deleteHost, type HostRecord, updateHost } from './inventory.ts';

const ASK_EVERY_MS = 2_000;
const ASK_MS_MAX = 5_000;
const LOST_AFTER_MS = 10_000;
const WRITE_EVERY_MS = 10_000;
/** Certificates last for two years; a host that answers gets a new one every month, and after each start. */
const RENEW_EVERY_MS = 30 * 86_400_000;
const OWN_CERTIFICATE = 'host';

interface Known {
  record: HostRecord;
  /** As it last answered; null: not yet since this start. */
  status: HostStatus | null;
  answeredMs: number;
  writtenMs: number;
  renewedMs: number;
  isAsked: boolean;
}

export interface HostView extends HostRecord {
  readonly isReachable: boolean;
  readonly status: HostStatus | null;
}

export interface HostRegistryOptions {
  readonly dir: string;
  readonly store: Store;
  readonly authority: GroupAuthority;
  readonly log: Logger;
}

export class HostRegistry implements Hosts {
  readonly #options: HostRegistryOptions;
  readonly #dir: string;
  readonly #known = new Map<string, Known>();
  readonly #rounds = new Rounds();

  private constructor(options: HostRegistryOptions) {
    this.#options = options;
    this.#dir = join(options.dir, 'hosts');
  }

  static async open(options: HostRegistryOptions): Promise<HostRegistry> {
    const registry = new HostRegistry(options);
    mkdirSync(registry.#dir, { recursive: true, mode: 0o700 });
    await registry.#makeOwnCertificate();
    const records = await allHosts(options.store.db);
    const names = new Set(records.map(({ name }) => `${name}.json`));
    for (const file of readdirSync(registry.#dir).filter((one) => !names.has(one))) {
      if (file.endsWith('.json')) rmSync(join(registry.#dir, file));
    }
    for (const record of records) registry.#add(record, 0);
    return registry;
  }

  start(): void {
    this.#rounds.start(
      async () => {
        for (const known of this.#known.values()) void this.#ask(known);
      },
      () => ASK_EVERY_MS,
    );
  }

  async stop(): Promise<void> {
    await this.#rounds.stop();
  }

  get authority(): GroupAuthority {
    return this.#options.authority;
  }

  /** One that has just enrolled: it counts as seen, and has a new certificate. */
  add(record: HostRecord): void {
    this.#add(record, Date.now());
  }

  #add(record: HostRecord, renewedMs: number): void {
    const { caFile, certFile, keyFile } = this.#ownFiles();
    const { name, address, port } = record;
    const file: HostFile = { name, address, port, caFile, certFile, keyFile };
    writeFileSync(`${this.fileOf(name)}.new`, `${JSON.stringify(file)}\n`, { mode: 0o600 });
    renameSync(`${this.fileOf(name)}.new`, this.fileOf(name));
    this.#known.set(name, {
      ...{ record, status: null, isAsked: false, renewedMs },
      ...{ answeredMs: record.lastSeenMs, writtenMs: record.lastSeenMs },
    });
  }

  /** Nothing is asked of it any more, and what ran there counts as gone. */
  async forget(name: string): Promise<void> {
    await deleteHost(this.#options.store.db, name);
    this.#known.delete(name);
    rmSync(this.fileOf(name), { force: true });
    forgetRemovals(this.fileOf(name));
  }

  all(): HostView[] {
    return [...this.#known.values()].map((one) => ({
      ...one.record,
      isReachable: Date.now() - one.answeredMs < LOST_AFTER_MS,
      status: one.status,
    }));
  }

  find(name: string): HostView | undefined {
    return this.all().find((one) => one.name === name);
  }

  /** Null: there are none in this region. */
  inRegion(region: string): HostPlace[] | null {
    const there = this.all().filter((one) => one.region === region);
    return there.length === 0 ? null : there;
  }

  fileOf(name: string): string {
    return join(this.#dir, `${name}.json`);
  }

  clientOf(name: string): HostClient {
    return new HostClient(this.fileOf(name));
  }

  /** A certificate for a key that was made on the host, from the local CA. */
  async certify(
    name: string,
    certificate: string,
    hosts: { readonly names: readonly string[]; readonly addresses: readonly string[] },
  ): Promise<void> {
    const client = this.clientOf(name);
    const { request } = await client.call('certificate-request', { name: certificate });
    const { authority } = this.#options;
    const pem = await authority.sign(request, certificate, hosts);
    const installed = { name: certificate, certificate: pem, authority: authority.pem };
    await client.call('certificate-install', installed);
  }

  async #ask(known: Known): Promise<void> {
    const { name } = known.record;
    if (known.isAsked) return;
    known.isAsked = true;
    const { log, store } = this.#options;
    try {
      const status = await this.clientOf(name).call('status', {}, ASK_MS_MAX);
      await settleRemovals(this.fileOf(name));
      const nowMs = Date.now();
      if (nowMs - known.answeredMs >= LOST_AFTER_MS) log.warn({ host: name }, 'a host is back');
      const { memoryBytes, engineVersion, modules } = status;
      const isNew = memoryBytes !== known.record.memoryBytes;
      known.status = status;
      known.answeredMs = nowMs;
      known.record = { ...known.record, memoryBytes, engineVersion, modules, lastSeenMs: nowMs };
      if (isNew || nowMs - known.writtenMs >= WRITE_EVERY_MS) {
        known.writtenMs = nowMs;
        await updateHost(store.db, known.record);
      }
      if (nowMs - known.renewedMs >= RENEW_EVERY_MS) await this.#renew(known, nowMs);
    } catch (err) {
      const isLostNow = known.status !== null && Date.now() - known.answeredMs >= LOST_AFTER_MS;
      if (isLostNow) {
        known.status = null;
        log.error({ err, host: name }, 'A HOST IS LOST');
      }
    } finally {
      known.isAsked = false;
    }
  }

  async #renew(known: Known, nowMs: number): Promise<void> {
    known.renewedMs = nowMs;
    const { name, address } = known.record;
    await this.certify(name, OWN_CERTIFICATE, {
      ...{ names: [hostServerName(name)], addresses: [address] },
    });
  }

  /** By which hosts know the control plane; a new one at each start, for the same key. */
  async #makeOwnCertificate(): Promise<void> {
    const { caFile, certFile, keyFile } = this.#ownFiles();
    const { authority } = this.#options;
    if (!existsSync(keyFile)) writeFileSync(keyFile, await newKey(), { mode: 0o600 });
    const request = await certificateRequest(readFileSync(keyFile, 'utf8'));
    const pem = await authority.sign(request, CONTROL_NAME, { names: [], addresses: [] });
    writeFileSync(caFile, authority.pem, { mode: 0o600 });
    writeFileSync(certFile, pem, { mode: 0o600 });
  }

  #ownFiles() {
    const file = (name: string) => join(this.#dir, name);
    return { caFile: file('ca.pem'), certFile: file('control.pem'), keyFile: file('control.key') };
  }
}
