// A region that a new member joins from: an engine with data, and its replicator, which opens the tunnels.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { tlsSettings } from '../../src/engine/settings.ts';
import { type CertificateFiles, GroupAuthority } from '../../src/group/authority.ts';
import { connectControl, infoNumber } from '../control.ts';
import type { JoinerOptions } from '../load/joining.ts';
import { type EngineProcess, freePort, startEngine } from './engine-process.ts';
import type { StartOptions } from './system.ts';

const REPLICATOR = fileURLToPath(new URL('../../src/replicator/main.ts', import.meta.url));
const START_MS_MAX = 20_000;
const CAPTURE_MS_MAX = 120_000;
const STOP_MS_MAX = 10_000;
const [DONOR, NEWCOMER] = [1, 2];

const statusSchema = z.object({ idle: z.boolean(), capturedOffset: z.number() });

export interface EncryptedDoor {
  readonly port: number;
  /** Of whoever comes, for CONFIG SET. */
  readonly settings: Readonly<Record<string, string>>;
}

export class DonorRegion {
  readonly engine: EngineProcess;
  readonly #options: StartOptions;
  readonly #ports: { link: number; admin: number };
  readonly #authority: GroupAuthority | null;
  readonly #certificate: CertificateFiles | null;
  #replicator: ChildProcess | undefined;
  #joins = 0;

  private constructor(
    options: StartOptions,
    engine: EngineProcess,
    ports: { link: number; admin: number },
    identity: { authority: GroupAuthority; certificate: CertificateFiles } | null,
  ) {
    this.#options = options;
    this.engine = engine;
    this.#ports = ports;
    this.#authority = identity?.authority ?? null;
    this.#certificate = identity?.certificate ?? null;
  }

  /** Starts it alone in its group, so that what `fill` writes is settled at once, and then as one of two. */
  static async start(
    options: StartOptions,
    fill: (engine: EngineProcess) => Promise<void>,
  ): Promise<DonorRegion> {
    const { engine, dir, cleanup, plain } = options;
    mkdirSync(dir, { recursive: true });
    const process = await startEngine({ engine, dir, cleanup, name: 'donor' });
    const ports = { link: await freePort(), admin: await freePort() };
    const authority = plain ? null : await GroupAuthority.create(join(dir, 'ca'), 'bench');
    const identity =
      authority === null ? null : { authority, certificate: await authority.issue('donor') };
    const region = new DonorRegion(options, process, ports, identity);
    await region.#startReplicator(1);
    await fill(process);
    await region.#untilCaptured();
    await region.#stopReplicator();
    await region.#startReplicator(2);
    return region;
  }

  /** What a member needs to know that joins with an empty engine. */
  async newcomer(engine: EngineProcess): Promise<JoinerOptions> {
    this.#joins += 1;
    const stateDir = join(this.#options.dir, `join-${this.#joins}`);
    const tls = (await this.#authority?.issue(`newcomer`)) ?? null;
    return { config: this.#config(2, NEWCOMER, engine, stateDir, tls), donor: DONOR };
  }

  get replicatorPid(): number {
    const pid = this.#replicator?.pid;
    if (pid === undefined) throw new Error("the donor's replicator does not run");
    return pid;
  }

  /**
   * Lets replicas come over TLS too, with certificates as members have them, and tells the port and how
   * they are to be set. Null: links are plain in this run, or the engine has no TLS.
   */
  async encrypted(): Promise<EncryptedDoor | null> {
    if (this.#authority === null || this.#certificate === null) return null;
    const port = await freePort();
    const control = await connectControl(this.engine);
    try {
      const settings = new Map(tlsSettings({ port, ...this.#certificate }));
      settings.set('tls-auth-clients', 'yes');
      await control.call('CONFIG', 'SET', ...[...settings].flat());
    } catch {
      return null;
    } finally {
      control.disconnect();
    }
    const { caFile, certFile, keyFile } = await this.#authority.issue('replica');
    const files = {
      'tls-ca-cert-file': caFile,
      'tls-cert-file': certFile,
      'tls-key-file': keyFile,
    };
    return { port, settings: { ...files, 'tls-replication': 'yes' } };
  }

  async stop(): Promise<void> {
    await this.#stopReplicator();
    await this.engine.stop();
  }

  #config(
    epoch: number,
    self: number,
    { host, port }: EngineProcess,
    stateDir: string,
    tls: CertificateFiles | null,
  ) {
    const donor = { id: DONOR, region: 'donor', host: '127.0.0.1', port: this.#ports.link };
    const newcomer = { id: NEWCOMER, region: 'newcomer', host: '127.0.0.1', port: 0 };
    return {
      group: 'bench',
      epoch,
      self,
      members: epoch === 1 ? [donor] : [donor, newcomer],
      engine: { host, port, username: 'default', password: '' },
      stateDir,
      admin: { host: '127.0.0.1', port: this.#ports.admin },
      tls,
    };
  }

  async #startReplicator(epoch: number): Promise<void> {
    const { dir, cleanup } = this.#options;
    const stateDir = join(dir, 'donor-state');
    const config = this.#config(epoch, DONOR, this.engine, stateDir, this.#certificate);
    const file = join(dir, 'replicator.json');
    writeFileSync(file, JSON.stringify(config));
    const log = openSync(join(dir, 'replicator.log'), 'a');
    const args = ['--disable-warning=ExperimentalWarning', REPLICATOR, '--config', file];
    const child = spawn(process.execPath, args, { stdio: ['ignore', log, log], detached: true });
    closeSync(log);
    cleanup.defer(() => {
      child.kill('SIGKILL');
    });
    this.#replicator = child;
    const endMs = performance.now() + START_MS_MAX;
    for (;;) {
      const isUp = await this.#status().then(
        ({ idle }) => idle,
        () => false,
      );
      if (isUp) return;
      if (child.exitCode !== null || performance.now() > endMs) {
        throw new Error(`the donor's replicator did not start: see ${dir}/replicator.log`);
      }
      await sleep(20);
    }
  }

  /** The engine keeps only so much of what the replicator has not taken in. */
  async #untilCaptured(): Promise<void> {
    const control = await connectControl(this.engine);
    const written = infoNumber(await control.info('replication'), 'master_repl_offset');
    control.disconnect();
    const endMs = performance.now() + CAPTURE_MS_MAX;
    while ((await this.#status()).capturedOffset < written) {
      if (performance.now() > endMs) throw new Error("the donor's replicator does not catch up");
      await sleep(20);
    }
  }

  async #status(): Promise<z.infer<typeof statusSchema>> {
    const answer = await fetch(`http://127.0.0.1:${this.#ports.admin}/status`);
    return statusSchema.parse(await answer.json());
  }

  async #stopReplicator(): Promise<void> {
    const child = this.#replicator;
    if (child === undefined || child.exitCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
    await exited;
    clearTimeout(timer);
  }
}
