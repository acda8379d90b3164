// Engines that are in no group: databases without geo-replication, and caches of the classes Basic, Standard and
// Premium. One is found again by the path of its configuration in the command line of its process, so that nothing
// has to be written down between its start and a crash of the control plane.

import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { REPLICATOR_USER } from '../../engine/acl.ts';
import { connectEngine, type EngineEndpoint } from '../../engine/client.ts';
import { setClientAccess } from '../../engine/client-access.ts';
import { type EngineBinary, findEngine } from '../../engine/find.ts';
import { isRunning, type KnownProcess, processesWith, stopProcess } from '../../engine/pid.ts';
import { startEngine } from '../../engine/process.ts';
import type { EngineTls } from '../../engine/settings.ts';
import { LOWEST_INNER_PORT } from '../../group/host-protocol.ts';
import { freePorts } from '../../group/ports.ts';
import type { EnginePlan } from './hosting.ts';

const STOP_GRACE_MS = 5_000;

export interface EngineFiles {
  /** Certificate of this engine, for clients. */
  tlsOf(plan: EnginePlan): Promise<Omit<EngineTls, 'port'>>;
  modulePaths(names: readonly string[]): string[];
}

export class LoneEngines {
  readonly #dir: string;
  readonly #engine: string | undefined;
  readonly #files: EngineFiles;
  #binary: EngineBinary | null = null;
  /** As last seen; a look at all processes costs more than one at this. */
  readonly #seen = new Map<string, KnownProcess>();

  constructor(dir: string, engine: string | undefined, files: EngineFiles) {
    this.#dir = dir;
    this.#engine = engine;
    this.#files = files;
  }

  isRunning(runtime: string): boolean {
    const seen = this.#seen.get(runtime);
    if (seen !== undefined && isRunning(seen)) return true;
    const [found] = processesWith(this.#marker(runtime));
    if (found !== undefined) this.#seen.set(runtime, found);
    return found !== undefined;
  }

  /** Starts it when it does not run. */
  async start(plan: EnginePlan): Promise<void> {
    const dir = this.#dirOf(plan.runtime);
    const running = processesWith(this.#marker(plan.runtime));
    if (running.length > 0) {
      if (await this.#answers(plan)) return await this.reconfigure(plan);
      for (const one of running) await stopProcess(one, STOP_GRACE_MS);
    }
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    this.#binary ??= await findEngine({ engine: this.#engine });
    const [innerPort = 0] = plan.isEncrypted
      ? await freePorts(1, { host: plan.address, lowest: LOWEST_INNER_PORT })
      : [plan.port];
    writeFileSync(join(dir, 'port'), String(innerPort), { mode: 0o600 });
    const tls = plan.isEncrypted ? { port: plan.port, ...(await this.#files.tlsOf(plan)) } : null;
    await startEngine({
      binary: this.#binary,
      dir,
      port: innerPort,
      users: this.#users(plan),
      settings: {
        bind: plan.address,
        maxmemoryBytes: plan.memoryBytes,
        maxmemoryPolicy: plan.maxmemoryPolicy,
        modules: this.#files.modulePaths(plan.modules),
        persistence: plan.persistence,
        tls,
      },
    });
  }

  async remove(runtime: string): Promise<void> {
    for (const one of processesWith(this.#marker(runtime))) await stopProcess(one, STOP_GRACE_MS);
    this.#seen.delete(runtime);
    rmSync(this.#dirOf(runtime), { recursive: true, force: true });
  }

  async reconfigure(plan: EnginePlan): Promise<void> {
    const endpoint = this.endpoint(plan);
    const client = await connectEngine(endpoint);
    try {
      await client.config('SET', 'maxmemory', String(plan.memoryBytes));
      await client.config('SET', 'maxmemory-policy', plan.maxmemoryPolicy);
    } finally {
      client.disconnect();
    }
    await setClientAccess(endpoint, this.#users(plan), 'all');
  }

  async flush(plan: EnginePlan): Promise<void> {
    const client = await connectEngine(this.endpoint(plan));
    try {
      await client.flushall();
    } finally {
      client.disconnect();
    }
  }

  async #answers(plan: EnginePlan): Promise<boolean> {
    try {
      const client = await connectEngine(this.endpoint(plan));
      client.disconnect();
      return true;
    } catch {
      return false;
    }
  }

  /** With the user of the control plane. */
  endpoint(plan: EnginePlan): EngineEndpoint {
    const file = join(this.#dirOf(plan.runtime), 'port');
    return {
      host: plan.address,
      port: existsSync(file) ? Number(readFileSync(file, 'utf8')) : plan.port,
      username: REPLICATOR_USER,
      password: this.#password(plan.runtime),
    };
  }

  #users(plan: EnginePlan) {
    return {
      clientPassword: null,
      clientDigests: plan.digests,
      replicatorPassword: this.#password(plan.runtime),
      isAlone: true,
    };
  }

  /** Of the user that the control plane itself has there. */
  #password(runtime: string): string {
    const file = join(this.#dirOf(runtime), 'password');
    if (!existsSync(file)) {
      writeFileSync(file, randomBytes(24).toString('base64url'), { mode: 0o600 });
    }
    return readFileSync(file, 'utf8');
  }

  #dirOf(runtime: string): string {
    return join(this.#dir, runtime);
  }

  #marker(runtime: string): string {
    return join(this.#dirOf(runtime), 'engine.conf');
  }
}
