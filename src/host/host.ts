// A host as a whole: enrolled once, it listens for the control plane, and keeps running what is to run here. When it
// stops, however that happens, engines and replicators run on; the next one finds them.

import { mkdirSync, realpathSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { OperatorError } from '../base/errors.ts';
import { Rounds } from '../base/rounds.ts';
import { type EngineBinary, findEngine } from '../engine/find.ts';
import { takeFolder } from '../engine/folder-owner.ts';
import { findModules } from '../engine/modules.ts';
import { hostName, LOWEST_INNER_PORT } from '../group/host-protocol.ts';
import { freePorts } from '../group/ports.ts';
import { regionNamed } from '../group/regions.ts';
import { enrol } from './enrolment.ts';
import { HostFiles, type HostIdentity, OWN_CERTIFICATE } from './host-files.ts';
import { type Handlers, type HostServer, serveHost } from './host-server.ts';
import { HostedEngines } from './hosted-engines.ts';
import { HostedMembers } from './hosted-members.ts';

export interface HostOptions {
  /** Everything that it keeps. */
  readonly dir: string;
  readonly log: Logger;
  readonly version: string;
  /** To enrol; what is left out is as it was. */
  readonly join?: { readonly url: string; readonly token: string } | undefined;
  readonly name?: string | undefined;
  readonly region?: string | undefined;
  readonly address?: string | undefined;
  readonly port?: number | undefined;
  readonly memoryBytes?: number | undefined;
  readonly engine?: string | undefined;
  /** Files of modules by the names of the API. */
  readonly modules?: Readonly<Record<string, string>>;
}

export const DEFAULT_PORT = 7_443;
const LOOK_EVERY_MS = 250;
const MEMORY_SHARE = 0.6;

export class Host {
  readonly identity: HostIdentity;
  readonly #server: HostServer;
  readonly #rounds: Rounds;

  private constructor(identity: HostIdentity, server: HostServer, rounds: Rounds) {
    this.identity = identity;
    this.#server = server;
    this.#rounds = rounds;
  }

  /** Throws OperatorError. */
  static async start(options: HostOptions): Promise<Host> {
    mkdirSync(options.dir, { recursive: true, mode: 0o700 });
    const dir = realpathSync(options.dir);
    checkFree(dir);
    const binary = await findEngine({ engine: options.engine });
    const files = new HostFiles(dir);
    const identity = await identityOf(options, files, binary);
    const modulePaths = (names: readonly string[]) => pathsOf(options, names);
    const { log, engine } = options;
    const tlsOf = ({ runtime }: { readonly runtime: string }) =>
      Promise.resolve(files.tlsOf(runtime));
    const engines = new HostedEngines(join(dir, 'engines'), engine, { tlsOf, modulePaths }, log);
    const members = new HostedMembers({
      ...{ dir: join(dir, 'members'), files, binary, modulePaths, log },
      address: identity.address,
    });
    let renew = (): void => {};
    const server = await serveHost({
      ...{ address: identity.address, port: identity.port, log },
      tls: files.tlsOf(OWN_CERTIFICATE),
      handlers: handlersOf({ options, identity, binary, files, engines, members }, () => renew()),
    });
    renew = server.renew;
    const rounds = new Rounds();
    rounds.start(
      () => keep(engines, members, log),
      () => LOOK_EVERY_MS,
    );
    return new Host(identity, server, rounds);
  }

  /** What it runs goes on. */
  async stop(): Promise<void> {
    const stopped = this.#rounds.stop();
    await this.#server.close();
    await stopped;
  }
}

interface Parts {
  readonly options: HostOptions;
  readonly identity: HostIdentity;
  readonly binary: EngineBinary;
  readonly files: HostFiles;
  readonly engines: HostedEngines;
  readonly members: HostedMembers;
}

function handlersOf(parts: Parts, onRenewed: () => void): Handlers {
  const { options, identity, binary, files, engines, members } = parts;
  const done = (work: Promise<void>) => work.then(() => ({}));
  return {
    status: async () => ({
      ...{ name: identity.name, version: options.version, engineVersion: binary.version },
      modules: Object.keys(options.modules ?? {}),
      memoryBytes: memoryOf(options),
      runtimes: engines.runtimes,
      members: members.names,
    }),
    ports: async ({ count }) => {
      const wanted = { host: identity.address, lowest: LOWEST_INNER_PORT };
      return { ports: await freePorts(count, wanted) };
    },
    'certificate-request': async ({ name }) => ({ request: await files.request(name) }),
    'certificate-install': async ({ name, certificate, authority }) => {
      files.install(name, certificate, authority);
      if (name === OWN_CERTIFICATE) onRenewed();
      return {};
    },
    'engine-start': ({ plan }) => done(engines.start(plan)),
    'engine-remove': ({ runtime }) => done(engines.remove(runtime)),
    'engine-flush': ({ plan }) => done(engines.flush(plan)),
    'engine-reconfigure': ({ plan }) => done(engines.reconfigure(plan)),
    'engine-info': async ({ plan }) => ({ info: await engines.info(plan) }),
    'member-info': async (body) => ({ info: await members.info(body) }),
    'member-engine-start': (body) => done(members.startEngine(body)),
    'member-engine-stop': (body) => done(members.stopEngine(body)),
    'member-settings': (body) => done(members.writeSettings(body)),
    'member-replicator-start': (body) => done(members.startReplicator(body)),
    'member-replicator-stop': (body) => done(members.stopReplicator(body)),
    'member-keep': (body) => done(members.keepRunning(body)),
    'member-state': async (body) => members.state(body),
    'member-access': (body) => done(members.setAccess(body)),
    'member-reconfigure': (body) => done(members.reconfigure(body)),
    'member-flush': async (body) => ({ keys: await members.flush(body) }),
    'member-position': async (body) => ({ offset: await members.position(body) }),
    'member-hold': (body) => done(members.hold(body)),
    'member-wipe': (body) => done(members.wipe(body)),
    'member-remove': (body) => done(members.remove(body)),
    'member-ask': (body) => members.ask(body),
  };
}

async function keep(engines: HostedEngines, members: HostedMembers, log: Logger): Promise<void> {
  try {
    await engines.keep();
    await members.keep();
  } catch (err) {
    log.error({ err }, 'not everything could be kept running');
  }
}

/** As it is written down; enrols first when it is somebody else's yet, or elsewhere. */
async function identityOf(
  options: HostOptions,
  files: HostFiles,
  binary: EngineBinary,
): Promise<HostIdentity> {
  const now = files.identity;
  const wanted = wantedIdentity(options, now);
  const isSame = now !== null && JSON.stringify(now) === JSON.stringify(wanted);
  if (isSame) return now;
  if (options.join === undefined) {
    throw new OperatorError(
      'HOST_NOT_ENROLLED',
      now === null
        ? `${files.dir} belongs to no control plane yet`
        : 'name, region, address or port are others than those with which this host was enrolled',
      'Add --join URL and a --token of `atoll control host-token --region R`.',
    );
  }
  const { certificate, authority } = await enrol(options.join.url, options.join.token, {
    ...{ ...wanted, memoryBytes: memoryOf(options), engineVersion: binary.version },
    modules: Object.keys(options.modules ?? {}),
    request: await files.request(OWN_CERTIFICATE),
  });
  files.install(OWN_CERTIFICATE, certificate, authority);
  files.identity = wanted;
  options.log.info(
    { host: wanted.name, region: wanted.region, address: wanted.address },
    'enrolled',
  );
  return wanted;
}

function wantedIdentity(options: HostOptions, now: HostIdentity | null): HostIdentity {
  const name = options.name ?? now?.name;
  const region = options.region ?? now?.region;
  const address = options.address ?? now?.address;
  const port = options.port ?? now?.port ?? DEFAULT_PORT;
  if (name === undefined || region === undefined || address === undefined) {
    throw new OperatorError(
      'HOST_INCOMPLETE',
      'a host that is not enrolled yet needs a name, a region and an address',
      'Give --region R --address IP; --name is the name of the machine by default.',
    );
  }
  if (!hostName.safeParse(name).success) {
    throw new OperatorError(
      'HOST_NAME_INVALID',
      `"${name}" cannot be the name of a host`,
      'Choose a --name of small letters, digits and hyphens.',
    );
  }
  return { name, region: regionNamed(region), address, port };
}

function memoryOf({ memoryBytes }: HostOptions): number {
  return memoryBytes ?? Math.floor(totalmem() * MEMORY_SHARE);
}

function pathsOf({ modules = {} }: HostOptions, names: readonly string[]): string[] {
  return findModules(
    names.map((name) => {
      const path = modules[name];
      if (path !== undefined) return path;
      throw new OperatorError(
        'MODULE_NOT_FOUND',
        `module ${name} is not on this host`,
        `Start the host with --module ${name}=FILE.`,
      );
    }),
  );
}

function checkFree(dir: string): void {
  const pid = takeFolder(join(dir, 'host.lock'));
  if (pid === null) return;
  throw new OperatorError(
    'HOST_RUNNING',
    `a host runs on ${dir} already (process ${pid})`,
    'Use that one, or stop it first.',
  );
}
