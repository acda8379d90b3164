// Engines that are in no group: databases without geo-replication, and caches of the classes Basic, Standard and
// Premium. One is found again by the path of its configuration in the command line of its process, so that nothing
// has to be written down between its start and a crash of the control plane.

import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { REPLICATOR_USER } from '../../engine/acl.ts';
import { connectEngine, type EngineEndpoint } from '../../engine/client.ts';
import { setClientAccess } from '../../engine/client-access.ts';
import { type EngineBinary, findEngine } from '../../engine/find.ts';
import { isRunning, type KnownProcess, processesWith, stopProcess } from '../../engine/pid.ts';
import { startEngine } from '../../engine/process.ts';
import { type EngineTls, tlsSettings } from '../../engine/settings.ts';
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
    const innerPort = await this.#plainPort(plan);
    this.#writePort(plan, innerPort);
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

  async restart(plan: EnginePlan): Promise<void> {
    for (const one of processesWith(this.#marker(plan.runtime))) {
      await stopProcess(one, STOP_GRACE_MS);
    }
    this.#seen.delete(plan.runtime);
    await this.start(plan);
  }

  async remove(runtime: string): Promise<void> {
    for (const one of processesWith(this.#marker(runtime))) await stopProcess(one, STOP_GRACE_MS);
    this.#seen.delete(runtime);
    rmSync(this.#dirOf(runtime), { recursive: true, force: true });
  }

  async reconfigure(plan: EnginePlan): Promise<void> {
    const client = await this.#connect(plan);
    try {
      await client.config('SET', 'maxmemory', String(plan.memoryBytes));
      await client.config('SET', 'maxmemory-policy', plan.maxmemoryPolicy);
      await this.#setPorts(client, plan);
    } finally {
      client.disconnect();
    }
    await setClientAccess(this.endpoint(plan), this.#users(plan), 'all');
  }

  /** Where clients connect, with and without TLS. What the engine holds stays, and so do other connections. */
  async #setPorts(client: Redis, plan: EnginePlan): Promise<void> {
    const now = await portsOf(client);
    const tlsPort = plan.isEncrypted ? plan.port : 0;
    const isPublic = !plan.isEncrypted || plan.plainPort !== null;
    const isRight = isPublic
      ? now.plain === (plan.isEncrypted ? plan.plainPort : plan.port)
      : this.#readPort(plan)?.isPublic === false;
    if (isRight && now.tls === tlsPort) return;
    const plain = isRight ? now.plain : await this.#plainPort(plan);
    if (tlsPort === 0 && now.tls !== 0) await client.config('SET', 'tls-port', '0');
    if (plain !== now.plain) await client.config('SET', 'port', String(plain));
    this.#writePort(plan, plain);
    if (tlsPort !== 0 && now.tls !== tlsPort) {
      const tls = await this.#files.tlsOf(plan);
      const settings = tlsSettings({ port: tlsPort, ...tls }).flat();
      await client.call('CONFIG', 'SET', ...settings);
    }
    if (plain === now.plain) return;
    // Who came in by a port that is closed now does not stay.
    await client.call('CLIENT', 'KILL', 'LADDR', `${plan.address}:${now.plain}`);
  }

  async #plainPort(plan: EnginePlan): Promise<number> {
    if (!plan.isEncrypted) return plan.port;
    if (plan.plainPort !== null) return plan.plainPort;
    const [free = 0] = await freePorts(1, { host: plan.address, lowest: LOWEST_INNER_PORT });
    return free;
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
      const client = await this.#connect(plan);
      client.disconnect();
      return true;
    } catch {
      return false;
    }
  }

  /** Also where a change of ports was cut short. */
  async #connect(plan: EnginePlan): Promise<Redis> {
    const endpoint = this.endpoint(plan);
    try {
      return await connectEngine(endpoint);
    } catch (error) {
      for (const port of [plan.port, plan.plainPort]) {
        if (port === null || port === endpoint.port) continue;
        const client = await connectEngine({ ...endpoint, port }).catch(() => null);
        if (client === null) continue;
        this.#writePort(plan, port);
        return client;
      }
      throw error;
    }
  }

  /** With the user of the control plane. */
  endpoint(plan: EnginePlan): EngineEndpoint {
    return {
      host: plan.address,
      port: this.#readPort(plan)?.port ?? plan.port,
      username: REPLICATOR_USER,
      password: this.#password(plan.runtime),
    };
  }

  /** The port without TLS, and whether clients know it. */
  #readPort(plan: EnginePlan): { port: number; isPublic: boolean } | null {
    const file = join(this.#dirOf(plan.runtime), 'port');
    if (!existsSync(file)) return null;
    const [port = '', whose] = readFileSync(file, 'utf8').split(' ');
    return { port: Number(port), isPublic: whose === 'public' };
  }

  #writePort(plan: EnginePlan, port: number): void {
    const isPublic = port === plan.port || port === plan.plainPort;
    const text = `${port} ${isPublic ? 'public' : 'private'}`;
    writeFileSync(join(this.#dirOf(plan.runtime), 'port'), text, { mode: 0o600 });
  }

  #users(plan: EnginePlan) {
    return {
      clientPassword: null,
      clientDigests: plan.digests,
      named: plan.users,
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

async function portsOf(client: Redis): Promise<{ plain: number; tls: number }> {
  const number = async (name: string): Promise<number> => {
    const answer: unknown = await client.config('GET', name);
    return Array.isArray(answer) ? Number(answer[1]) : 0;
  };
  return { plain: await number('port'), tls: await number('tls-port') };
}
