// Members of groups that run on this host: an engine and a replicator each. What is done to them, and in which order,
// the folder of the group says, which is where the control plane is; here stands what each is to have running, so
// that it goes on without being asked. An engine that died comes back empty: its clients stay out, that its data is
// lost is written down, and whoever has the group's folder fills it from another member.

import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { z } from 'zod';
import { OperatorError } from '../base/errors.ts';
import { REPLICATOR_USER } from '../engine/acl.ts';
import type { EngineEndpoint } from '../engine/client.ts';
import { setClientAccess } from '../engine/client-access.ts';
import type { EngineBinary } from '../engine/find.ts';
import { isRunning, type KnownProcess, processesWith, stopProcess } from '../engine/pid.ts';
import { engineProcess, startEngine } from '../engine/process.ts';
import { Backoff } from '../group/backoff.ts';
import { engineInfo, flushEngine, limitEngine, streamEnd } from '../group/engine-work.ts';
import { keepHeldData, wipeMemberFiles } from '../group/held-data.ts';
import type { CallAnswer, CallBody, MemberLaunch } from '../group/host-protocol.ts';
import { replicatorProcess, startReplicator } from '../group/replicator-process.ts';
import { heldSnapshotFile } from '../replicator/join/held-file.ts';
import { type HostFiles, readJson, writeWhole } from './host-files.ts';
import { keyOf, type MemberName, type MemberRecord, MemberRecords, NEW } from './member-records.ts';
import { Turns } from './turns.ts';

const STOP_GRACE_MS = 5_000;
const ASK_MS_MAX = 5_000;
const UNAVAILABLE = 503;
const REPLICATOR_SCRIPT = join(import.meta.dirname, '../replicator/main.ts');

const adminSchema = z.object({ admin: z.object({ host: z.string(), port: z.number() }) });

export interface HostedMembersOptions {
  readonly dir: string;
  readonly files: HostFiles;
  readonly binary: EngineBinary;
  readonly address: string;
  readonly modulePaths: (names: readonly string[]) => string[];
  readonly log: Logger;
}

export class HostedMembers {
  readonly #options: HostedMembersOptions;
  readonly #records: MemberRecords;
  readonly #turns = new Turns();
  readonly #backoffs = new Map<string, Backoff>();
  readonly #ended = new Map<string, { message: string; reason: string | null }>();

  constructor(options: HostedMembersOptions) {
    this.#options = options;
    this.#records = new MemberRecords(options.dir);
  }

  get names(): MemberName[] {
    return this.#records.names;
  }

  /** Starts its engine, empty. */
  async startEngine(body: CallBody<'member-engine-start'>): Promise<void> {
    const { launch, certificate } = body;
    await this.#turn(body, async () => {
      await this.#stopEngine(body);
      mkdirSync(this.#records.folder(body), { recursive: true, mode: 0o700 });
      this.#records.update(body, { launch, certificate, wantsEngine: true, isDataLost: false });
      await this.#launch(body, launch.refusesClients);
    });
  }

  async stopEngine(name: MemberName): Promise<void> {
    await this.#turn(name, async () => {
      if (this.#records.has(name))
        this.#records.update(name, { wantsEngine: false, isKept: false });
      await this.#stopEngine(name);
    });
  }

  async writeSettings(body: CallBody<'member-settings'>): Promise<void> {
    await this.#turn(body, () => {
      const stateDir = this.#records.stateDir(body, body.settings.self);
      mkdirSync(stateDir, { recursive: true, mode: 0o700 });
      const tls = this.#options.files.tlsOf(body.certificate);
      const settings = { ...body.settings, stateDir, tls };
      writeWhole(this.#records.settingsFile(body), JSON.stringify(settings, null, 2));
      return Promise.resolve();
    });
  }

  async startReplicator(name: MemberName): Promise<void> {
    await this.#turn(name, async () => {
      this.#records.update(name, { wantsReplicator: true });
      await this.#startReplicator(name);
    });
  }

  async stopReplicator(name: MemberName): Promise<void> {
    await this.#turn(name, async () => {
      if (this.#records.has(name)) this.#records.update(name, { wantsReplicator: false });
      await this.#stopReplicator(name);
    });
  }

  /** From now on what dies of it is started again. */
  async keepRunning(name: MemberName): Promise<void> {
    await this.#turn(name, () => Promise.resolve(this.#records.update(name, { isKept: true })));
  }

  state(name: MemberName): CallAnswer<'member-state'> {
    const isThere = this.#records.has(name);
    const record = isThere ? this.#records.read(name) : NEW;
    const replicator = isRunning(this.#replicatorOf(name, record));
    const folder = this.#records.folder(name);
    const logs = isThere
      ? readdirSync(folder).flatMap((one) => /^state-(\d+)$/.exec(one) ?? [])
      : [];
    return {
      ...{ isThere, isKept: record.isKept, isDataLost: record.isDataLost, replicator },
      wantsReplicator: record.wantsReplicator,
      engine: isRunning(engineProcess(record.enginePid, folder)),
      ended: replicator ? null : (this.#ended.get(keyOf(name)) ?? null),
      logs: logs.map(Number).filter(Number.isInteger),
    };
  }

  async setAccess(body: CallBody<'member-access'>): Promise<void> {
    await this.#turn(body, async () => {
      const launch = { ...this.#launchOf(body), users: body.users };
      const { isDataLost } = this.#records.read(body);
      // Whoever asks may not know yet that there is nothing to be let in to.
      const isEmpty = isDataLost && !body.isAnew;
      const access = isEmpty ? 'none' : body.access;
      await setClientAccess(this.#endpoint(launch), body.users, access);
      this.#records.update(body, { launch, isDataLost: isEmpty });
    });
  }

  async reconfigure(body: CallBody<'member-reconfigure'>): Promise<void> {
    const { memoryBytes, maxmemoryPolicy } = body;
    await this.#turn(body, async () => {
      const launch = { ...this.#launchOf(body), maxmemoryBytes: memoryBytes, maxmemoryPolicy };
      await limitEngine(this.#endpoint(launch), memoryBytes, maxmemoryPolicy);
      this.#records.update(body, { launch });
    });
  }

  async flush(name: MemberName): Promise<number> {
    return await flushEngine(this.#endpoint(this.#launchOf(name)));
  }

  /** What its engine says of itself. */
  async info(name: MemberName): Promise<string | null> {
    return await engineInfo(this.#endpoint(this.#launchOf(name)));
  }

  /** Where the stream of its engine ends. */
  async position(name: MemberName): Promise<number> {
    return await streamEnd(this.#endpoint(this.#launchOf(name)));
  }

  /** Puts what its engine holds into a file, before it is wiped. */
  async hold({ id, isFull, ...name }: CallBody<'member-hold'>): Promise<void> {
    await this.#turn(name, async () => {
      const file = heldSnapshotFile(this.#records.folder(name));
      const earlier = heldSnapshotFile(this.#records.stateDir(name, id));
      if (isFull) {
        rmSync(file, { force: true });
        rmSync(earlier, { force: true });
        return;
      }
      // Its folder may have been lost.
      if (!this.#records.has(name)) return;
      await keepHeldData({ engine: this.#endpoint(this.#launchOf(name)), earlier, file });
    });
  }

  /** What it has on disk goes, but for what was held and its quarantine; `nextId` begins anew. */
  async wipe({ id, nextId, ...name }: CallBody<'member-wipe'>): Promise<void> {
    await this.#turn(name, () => {
      wipeMemberFiles(this.#records.folder(name), id, nextId);
      return Promise.resolve();
    });
  }

  async remove(name: MemberName): Promise<void> {
    await this.#turn(name, async () => {
      if (this.#records.has(name)) {
        this.#records.update(name, { wantsEngine: false, wantsReplicator: false, isKept: false });
      }
      await this.#stopReplicator(name);
      await this.#stopEngine(name);
      rmSync(this.#records.folder(name), { recursive: true, force: true });
      this.#backoffs.delete(keyOf(name));
      this.#ended.delete(keyOf(name));
    });
  }

  /** Asks its replicator, whose HTTP side is on loopback only. */
  async ask({ path, body, ...name }: CallBody<'member-ask'>): Promise<CallAnswer<'member-ask'>> {
    const file = this.#records.settingsFile(name);
    if (!existsSync(file)) throw unknown(name);
    const { admin } = adminSchema.parse(readJson(file));
    try {
      const response = await fetch(`http://${admin.host}:${admin.port}${path}`, {
        signal: AbortSignal.timeout(ASK_MS_MAX),
        ...(body === undefined || body === null
          ? {}
          : {
              method: 'POST',
              body: JSON.stringify(body),
              headers: { 'content-type': 'application/json' },
            }),
      });
      return { status: response.status, text: await response.text() };
    } catch (error) {
      // One that starts just now is asked again and again.
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      return { status: UNAVAILABLE, text: cause instanceof Error ? cause.message : String(cause) };
    }
  }

  /** Starts what is to run and does not. */
  async keep(): Promise<void> {
    for (const name of this.names) {
      if (this.#turns.isTaken(keyOf(name))) continue;
      await this.#turn(name, () => this.#look(name)).catch((err: unknown) => {
        this.#options.log.error({ err, ...name }, 'a process of a member does not start');
      });
    }
  }

  async #look(name: MemberName): Promise<void> {
    if (!this.#records.has(name)) return;
    const { log } = this.#options;
    const record = this.#adopted(name);
    if (!record.isKept) return;
    const hasEngine = isRunning(engineProcess(record.enginePid, this.#records.folder(name)));
    if (record.wantsEngine && this.#isDue(name, 'engine', hasEngine)) {
      this.#records.update(name, { isDataLost: true });
      await this.#launch(name, true);
      log.error(
        name,
        'THE ENGINE HAS LOST ITS DATA; it runs again, empty, and refuses its clients',
      );
    }
    if (!record.wantsReplicator || record.isDataLost || !hasEngine) return;
    if (!this.#isDue(name, 'replicator', isRunning(this.#replicatorOf(name, record)))) return;
    await this.#startReplicator(name);
    log.warn(name, 'the replicator runs again');
  }

  /** With the pids of processes that were started by one who could not write them down any more. */
  #adopted(name: MemberName): MemberRecord {
    const record = this.#records.read(name);
    const folder = this.#records.folder(name);
    const found = (known: KnownProcess): number =>
      isRunning(known) ? known.pid : (processesWith(known.marker)[0]?.pid ?? 0);
    const isSettled = (pid: number, isWanted: boolean): boolean => pid > 0 || !isWanted;
    if (
      isSettled(record.enginePid, record.wantsEngine) &&
      isSettled(record.replicatorPid, record.wantsReplicator)
    )
      return record;
    return this.#records.update(name, {
      enginePid: found(engineProcess(record.enginePid, folder)),
      replicatorPid: found(this.#replicatorOf(name, record)),
    });
  }

  #isDue(name: MemberName, kind: string, isThere: boolean): boolean {
    const key = `${keyOf(name)}/${kind}`;
    const backoff = this.#backoffs.get(key) ?? new Backoff();
    this.#backoffs.set(key, backoff);
    return backoff.isDue(isThere, performance.now());
  }

  async #launch(name: MemberName, refusesClients: boolean): Promise<void> {
    const { files, binary, address, modulePaths } = this.#options;
    const { certificate } = this.#records.read(name);
    const launch = this.#launchOf(name);
    const { tlsPort, maxmemoryPolicy } = launch;
    this.#records.update(name, { enginePid: 0 });
    const engine = await startEngine({
      ...{
        binary,
        dir: this.#records.folder(name),
        port: launch.port,
        users: launch.users,
        refusesClients,
      },
      settings: {
        bind: address,
        maxmemoryBytes: launch.maxmemoryBytes,
        modules: modulePaths(launch.modules),
        ...(maxmemoryPolicy === undefined ? {} : { maxmemoryPolicy }),
        tls: tlsPort === null ? null : { port: tlsPort, ...files.tlsOf(certificate ?? '') },
      },
    });
    this.#records.update(name, { enginePid: engine.process.pid });
  }

  async #stopEngine(name: MemberName): Promise<void> {
    for (const one of processesWith(engineProcess(0, this.#records.folder(name)).marker)) {
      await stopProcess(one, STOP_GRACE_MS);
    }
  }

  async #startReplicator(name: MemberName): Promise<void> {
    await this.#stopReplicator(name);
    this.#ended.delete(keyOf(name));
    const started = startReplicator(REPLICATOR_SCRIPT, this.#records.folder(name));
    this.#records.update(name, { replicatorPid: started.process.pid });
    void started.ended.then(({ message, reason }) => {
      this.#ended.set(keyOf(name), { message, reason });
      this.#options.log.warn({ ...name, why: message }, 'a replicator ended');
    });
  }

  async #stopReplicator(name: MemberName): Promise<void> {
    for (const one of processesWith(this.#replicatorOf(name, NEW).marker)) {
      await stopProcess(one, STOP_GRACE_MS);
    }
  }

  #endpoint({ port, users }: MemberLaunch): EngineEndpoint {
    const password = users.replicatorPassword;
    return { host: this.#options.address, port, username: REPLICATOR_USER, password };
  }

  #launchOf(name: MemberName): MemberLaunch {
    const launch = this.#records.has(name) ? this.#records.read(name).launch : null;
    if (launch !== null) return launch;
    throw unknown(name);
  }

  async #turn<Result>(name: MemberName, action: () => Promise<Result>): Promise<Result> {
    return await this.#turns.take(keyOf(name), action);
  }

  #replicatorOf(
    name: MemberName,
    { replicatorPid }: Pick<MemberRecord, 'replicatorPid'>,
  ): KnownProcess {
    return replicatorProcess(replicatorPid, this.#records.folder(name));
  }
}

function unknown({ group, region }: MemberName): OperatorError {
  return new OperatorError(
    'MEMBER_NOT_HERE',
    `this host has no member of group ${group} in ${region}`,
    'Its folder may have been lost: force-unlink the member, and link it again.',
  );
}
