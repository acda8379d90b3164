// What a demo consists of: a control plane in a temporary folder, and a geo-replication group that was made through
// its API, with the commands that everybody has. All of it is gone when it stops, also when its process is killed.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { pino } from 'pino';
import { OperatorError } from '../../base/errors.ts';
import { ControlPlane } from '../../control/control-plane.ts';
import { connectEngine } from '../../engine/client.ts';
import { LocalGroup } from '../../group/local-group.ts';
import { groupRegions } from '../../group/regions.ts';
import { type Json, textAt } from '../azure/json.ts';
import { makeFolder } from './folder.ts';

export interface PlaygroundOptions {
  readonly regions: readonly string[];
  readonly engine?: string | undefined;
  /** Links between the regions as slow as their distance; without TLS. */
  readonly wan?: boolean | undefined;
  readonly plain?: boolean | undefined;
  readonly version: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

export const RESOURCE_GROUP = 'demo';
const NICKNAME = 'demo';
const SKU = 'Enterprise_E10';
const MAIN = join(import.meta.dirname, '../main.ts');
const REMOVER = join(import.meta.dirname, 'remover.ts');
const NODE_ARGS = ['--disable-warning=ExperimentalWarning'];
const GIBIBYTE = 1024 ** 3;

/** Where clients connect. */
export interface Endpoint {
  readonly region: string;
  readonly host: string;
  readonly port: number;
  readonly key: string;
}

export class Playground {
  readonly dir: string;
  readonly regions: readonly string[];
  readonly plane: ControlPlane;
  readonly #remover: ChildProcess;
  readonly #endpoints = new Map<string, Promise<Endpoint>>();

  private constructor(
    dir: string,
    regions: readonly string[],
    plane: ControlPlane,
    remover: ChildProcess,
  ) {
    this.dir = dir;
    this.regions = regions;
    this.plane = plane;
    this.#remover = remover;
  }

  /** Throws OperatorError, and leaves nothing behind then. */
  static async start(options: PlaygroundOptions): Promise<Playground> {
    const regions = groupRegions(options.regions);
    const dir = makeFolder();
    const remover = spawn(process.execPath, [...NODE_ARGS, REMOVER, dir], {
      detached: true,
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    try {
      const plane = await startPlane(dir, options, regions.length);
      const playground = new Playground(dir, regions, plane, remover);
      try {
        await playground.#fill(options);
      } catch (error) {
        await plane.stop();
        throw error;
      }
      return playground;
    } catch (error) {
      await removed(remover);
      throw error;
    }
  }

  /** Of the login that the demo's own commands use. */
  get configDir(): string {
    return join(this.dir, 'login');
  }

  /** What `atoll local` looks into. */
  get groupDir(): string {
    const groups = join(this.dir, 'groups');
    const [first] = readdirSync(groups);
    return join(groups, first ?? '');
  }

  openGroup(): LocalGroup {
    return LocalGroup.open(this.groupDir);
  }

  idOf(region: string): string {
    return `/subscriptions/${this.plane.subscription}/resourceGroups/${RESOURCE_GROUP}/providers/Microsoft.Cache/redisEnterprise/${region}/databases/default`;
  }

  /** A command as people give it; what it prints. Throws OperatorError when it fails. */
  async atoll(...args: readonly string[]): Promise<Json> {
    const env = { ...process.env, ATOLL_CONFIG_DIR: this.configDir };
    const { promise, resolve, reject } = Promise.withResolvers<Json>();
    const line = [...NODE_ARGS, MAIN, ...args];
    const child = execFile(process.execPath, line, { env }, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout.trim() === '' ? null : JSON.parse(stdout));
      // Not the arguments: there may be a secret among them.
      const what = `atoll ${args.slice(0, 3).join(' ')}`;
      const message = stderr.trim() === '' ? `it ended with ${error.code}` : stderr.trim();
      reject(new OperatorError('COMMAND_FAILED', `${what}: ${message}`, ''));
    });
    child.stdin?.end();
    return await promise;
  }

  /** A command on the database of a region. */
  async database(name: string, region: string, ...args: readonly string[]): Promise<Json> {
    const target = ['--cluster-name', region, '--resource-group', RESOURCE_GROUP];
    return await this.atoll('redisenterprise', 'database', name, ...target, ...args);
  }

  /** `--linked-databases` for these regions. */
  links(regions: readonly string[]): string[] {
    return regions.flatMap((region) => ['--linked-databases', `id=${this.idOf(region)}`]);
  }

  /** Asked for once: it stays as long as the cluster. */
  async endpoint(region: string): Promise<Endpoint> {
    const known = this.#endpoints.get(region) ?? this.#findEndpoint(region);
    this.#endpoints.set(region, known);
    return await known;
  }

  async #findEndpoint(region: string): Promise<Endpoint> {
    const target = ['--cluster-name', region, '--resource-group', RESOURCE_GROUP];
    const query = '{host:hostName,port:databases[0].port}';
    const [place, keys] = await Promise.all([
      this.atoll('redisenterprise', 'show', ...target, '--query', query),
      this.database('list-keys', region),
    ]);
    const port = Number(Object(place).port);
    return { region, host: textAt(place, 'host'), port, key: textAt(keys, 'primaryKey') };
  }

  async connect(region: string): Promise<Redis> {
    const { host, port, key } = await this.endpoint(region);
    return await connectEngine({ host, port, password: key });
  }

  async stop(): Promise<void> {
    await this.plane.stop();
    await removed(this.#remover);
  }

  async #fill({ say, signal }: PlaygroundOptions): Promise<void> {
    const { url, tenant, caFile, owner } = this.plane;
    const who = ['-u', owner?.clientId ?? '', '-p', owner?.clientSecret ?? '', '--tenant', tenant];
    const place = ['--url', url, ...(caFile === null ? [] : ['--ca', caFile])];
    await this.atoll('login', '--service-principal', ...who, ...place);
    const [first = ''] = this.regions;
    await this.atoll('group', 'create', '-n', RESOURCE_GROUP, '-l', first);
    for (const [index, region] of this.regions.entries()) {
      if (signal.aborted) return;
      const beganMs = performance.now();
      const linked = this.links(this.regions.slice(0, index + 1));
      await this.atoll(
        ...['redisenterprise', 'create', '-n', region, '-g', RESOURCE_GROUP, '-l', region],
        ...['--sku', SKU, '--client-protocol', 'Plaintext', '--eviction-policy', 'NoEviction'],
        ...['--group-nickname', NICKNAME, ...linked],
      );
      const seconds = ((performance.now() - beganMs) / 1_000).toFixed(1);
      say(`  ${region} ${index === 0 ? 'is there' : 'has joined'} (${seconds} s)`);
    }
  }
}

async function startPlane(
  dir: string,
  { engine, wan, plain, version }: PlaygroundOptions,
  regions: number,
): Promise<ControlPlane> {
  return await ControlPlane.start({
    ...{ dir, version, engine, host: 'localhost', port: 0, sizing: 'development' },
    log: pino(
      { name: 'control' },
      pino.destination({ dest: join(dir, 'control.log'), sync: true }),
    ),
    memoryBytes: (regions + 5) * GIBIBYTE,
    links: { isPlain: plain === true, isWide: wan === true },
  });
}

/** Returns when nothing is left. */
async function removed(remover: ChildProcess): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (remover.exitCode !== null) return;
  remover.once('exit', () => resolve());
  remover.stdin?.end();
  await promise;
}
