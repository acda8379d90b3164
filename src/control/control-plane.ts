// The control plane as a whole: its state, the operations, who runs engines, and the server. Only one opens a
// folder at a time. When it stops, however that happens, engines and replicators run on; the next one finds them.

import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { OperatorError } from '../base/errors.ts';
import { findEngine } from '../engine/find.ts';
import { takeFolder } from '../engine/folder-owner.ts';
import { GroupAuthority } from '../group/authority.ts';
import { accessRoutes } from './api/access.ts';
import { activityRoutes } from './api/activity.ts';
import { cachePartRoutes } from './api/cache-parts.ts';
import { cacheRoutes } from './api/caches.ts';
import { clusterRoutes } from './api/clusters.ts';
import { dataRoutes } from './api/data.ts';
import { databaseRoutes } from './api/databases.ts';
import { geoActionRoutes } from './api/geo-actions.ts';
import { addEnrolment } from './api/host-enrolment.ts';
import { hostRoutes } from './api/hosts.ts';
import { metricRoutes } from './api/metrics.ts';
import { openApiDocument } from './api/openapi.ts';
import type { ApiParts } from './api/parts.ts';
import { principalRoutes } from './api/principals.ts';
import { providerRoutes } from './api/provider.ts';
import { roleRoutes } from './api/role-assignments.ts';
import type { Route } from './api/route.ts';
import { createServer } from './api/server.ts';
import { subscriptionRoutes } from './api/subscriptions.ts';
import { DataPlaces } from './data/places.ts';
import type { Hosting } from './hosting/hosting.ts';
import type { GroupLinks } from './hosting/local-groups.ts';
import { LocalHosting } from './hosting/local-hosting.ts';
import { PlacedHosting } from './hosting/placed-hosting.ts';
import { HostRegistry } from './hosts/host-registry.ts';
import { hostOfRuntime } from './hosts/inventory.ts';
import { ExternalIssuers, type IssuerSettings } from './identity/issuers.ts';
import { type Credentials, createOwner } from './identity/principals.ts';
import { Tokens } from './identity/tokens.ts';
import { Keeper } from './keeper.ts';
import type { Sizing } from './model/skus.ts';
import { DataAccess } from './operations/data-access.ts';
import { operationDefinitions } from './operations/definitions.ts';
import type { PlanSettings } from './operations/plans.ts';
import { type OnStep, OperationRunner } from './operations/runner.ts';
import { Sampler } from './sampler.ts';
import { Sealer } from './store/sealing.ts';
import { Store, settingOf } from './store/store.ts';

export interface ControlPlaneOptions {
  /** Everything that it keeps. */
  readonly dir: string;
  readonly log: Logger;
  readonly version: string;
  /** postgres://...; else the state is in the folder. */
  readonly databaseUrl?: string | undefined;
  readonly host: string;
  readonly port: number;
  /** Plain HTTP, on loopback only. */
  readonly plain?: boolean;
  readonly trustsProxy?: boolean;
  /** Other addresses by which clients know it. */
  readonly publicUrls?: readonly string[];
  readonly domain?: string | undefined;
  /** How groups on this machine are linked, for demonstrations. */
  readonly links?: GroupLinks;
  readonly sizing: Sizing;
  readonly memoryBytes?: number | undefined;
  readonly engine?: string | undefined;
  /** Files of modules by the names of the API. */
  readonly modules?: Readonly<Record<string, string>>;
  /** Folders below which data may be exported to files, and imported from them. */
  readonly exportDirs?: readonly string[];
  /** Regions without hosts are hosted by this machine; default: they are. */
  readonly isHost?: boolean;
  readonly concurrency?: number;
  /** Issuers of tokens that are trusted beside this server. */
  readonly issuers?: readonly IssuerSettings[];
  /** How often metrics are measured; default: every minute. */
  readonly sampleEveryMs?: number | undefined;
  /** For tests: who runs engines, and where to let the process die. */
  readonly hosting?: Hosting;
  readonly onStep?: OnStep;
}

/** Loopback names under which it is always known. */
const LOCAL_NAMES = ['localhost', '127.0.0.1', '[::1]'];
/** Published clients ask for tokens for these unless they are told otherwise. */
const CLOUD_AUDIENCES = ['https://management.azure.com', 'https://management.core.windows.net'];
const STOP_GRACE_MS = 2_000;
/** Clients are used to an id in this form. */
const FIRST_SUBSCRIPTION = 'subscription';

export class ControlPlane {
  readonly url: string;
  readonly tenant: string;
  readonly subscription: string;
  /** PEM of the authority that signed the server's certificate; null: plain HTTP. */
  readonly caFile: string | null;
  /** Of the first start; null on all others. */
  readonly owner: Credentials | null;
  readonly parts: ApiParts;
  readonly #server: FastifyInstance;
  readonly #keeper: Keeper;
  readonly #sampler: Sampler;
  #stopped: Promise<void> | null = null;

  private constructor(fields: {
    url: string;
    subscription: string;
    caFile: string | null;
    owner: Credentials | null;
    parts: ApiParts;
    server: FastifyInstance;
    keeper: Keeper;
    sampler: Sampler;
  }) {
    this.url = fields.url;
    this.tenant = fields.parts.tokens.tenant;
    this.subscription = fields.subscription;
    this.caFile = fields.caFile;
    this.owner = fields.owner;
    this.parts = fields.parts;
    this.#server = fields.server;
    this.#keeper = fields.keeper;
    this.#sampler = fields.sampler;
  }

  /** Throws OperatorError. */
  static async start(options: ControlPlaneOptions): Promise<ControlPlane> {
    checkPlain(options);
    const dir = resolve(options.dir);
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    checkFolder(dir);
    const authority = await openAuthority(join(dir, 'ca'));
    const store = await Store.open({ url: options.databaseUrl, dir: join(dir, 'database') });
    try {
      return await ControlPlane.#open({ ...options, dir }, authority, store);
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  static async #open(
    options: ControlPlaneOptions,
    authority: GroupAuthority,
    store: Store,
  ): Promise<ControlPlane> {
    const { dir, log } = options;
    const sealer = Sealer.open(join(dir, 'secrets.key'));
    const tenant = await settingOf(store.db, 'tenant', randomUUID);
    const subscription = await firstSubscription(store, tenant);
    const hosts = await HostRegistry.open({ dir, store, authority, log });
    const hosting = options.hosting ?? placedHosting(options, authority, store, hosts);
    const plans = await planSettings(options, sealer);
    const places = new DataPlaces(options.exportDirs ?? []);
    const issuers = new ExternalIssuers(options.issuers ?? []);
    const tokens = await Tokens.open(store, sealer, tenant, issuers);
    const runner = new OperationRunner({
      ...{ store, log, onStep: options.onStep },
      definitions: operationDefinitions({ store, hosting, plans, places }),
      ...(options.concurrency === undefined ? {} : { concurrency: options.concurrency }),
    });
    const dataAccess = new DataAccess({ store, hosting, plans, log });
    tokens.onDataToken = (...token) => dataAccess.admit(...token);
    const parts: ApiParts = { store, hosting, runner, plans, tokens, places, hosts };
    const routes = allRoutes(parts);
    const certificate =
      options.plain === true ? null : await authority.issue('server', hostsOf(options));
    const server = createServer({
      ...{ parts, routes, log, trustsProxy: options.trustsProxy === true },
      document: openApiDocument(routes, options.version),
      tls:
        certificate === null
          ? null
          : {
              key: readFileSync(certificate.keyFile, 'utf8'),
              cert: readFileSync(certificate.certFile, 'utf8'),
            },
    });
    addEnrolment(server, parts, log);
    await listen(server, options);
    const { port } = server.server.address() as AddressInfo;
    tokens.addAudiences([...CLOUD_AUDIENCES, ...audiencesOf(options, port)]);
    const owner = await createOwner(store);
    const keeper = new Keeper({ ...parts, dataAccess }, log);
    await runner.start();
    hosts.start();
    keeper.start();
    const sampler = new Sampler(parts, log, options.sampleEveryMs);
    sampler.start();
    const host = LOCAL_NAMES.includes(options.host) ? options.host : 'localhost';
    return new ControlPlane({
      ...{ subscription, owner, parts, server, keeper, sampler },
      url: `${options.plain === true ? 'http' : 'https'}://${host}:${port}`,
      caFile: certificate?.caFile ?? null,
    });
  }

  /** What runs for caches goes on. An operation under way is finished by the next start. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    await this.#server.close();
    await Promise.all([this.#keeper.stop(), this.#sampler.stop(), this.parts.hosts.stop()]);
    await this.parts.runner.stop(STOP_GRACE_MS);
    await this.parts.store.close();
  }
}

/** All of the API. */
export function allRoutes(parts: ApiParts): Route[] {
  const routes: Route[] = [
    ...subscriptionRoutes(parts),
    ...clusterRoutes(parts),
    ...databaseRoutes(parts),
    ...geoActionRoutes(parts),
    ...cacheRoutes(parts),
    ...dataRoutes(parts),
    ...accessRoutes(parts),
    ...cachePartRoutes(parts),
    ...hostRoutes(parts),
    ...activityRoutes(parts),
    ...metricRoutes(parts),
    ...roleRoutes(parts),
    ...principalRoutes(parts),
    ...providerRoutes(parts, () => routes),
  ];
  return routes;
}

function checkPlain({ plain, host }: ControlPlaneOptions): void {
  if (plain !== true || LOCAL_NAMES.includes(host)) return;
  throw new OperatorError(
    'PLAIN_BEYOND_LOOPBACK',
    `HTTP without TLS is possible on loopback only, not on ${host}`,
    'Leave --http out, or listen on 127.0.0.1.',
  );
}

/** The embedded database would be spoilt by two who write it. */
function checkFolder(dir: string): void {
  const pid = takeFolder(join(dir, 'control.lock'));
  if (pid === null) return;
  throw new OperatorError(
    'CONTROL_RUNNING',
    `a control plane runs on ${dir} already (process ${pid})`,
    'Use that one, or stop it first.',
  );
}

async function openAuthority(dir: string): Promise<GroupAuthority> {
  if (existsSync(join(dir, 'ca.key'))) return await GroupAuthority.open(dir);
  return await GroupAuthority.create(dir, 'Atoll local CA');
}

async function planSettings(options: ControlPlaneOptions, sealer: Sealer): Promise<PlanSettings> {
  const { sizing, domain = null } = options;
  const engine = await findEngine({ engine: options.engine });
  return { sealer, sizing, domain, engineVersion: engine.version };
}

function placedHosting(
  options: ControlPlaneOptions,
  authority: GroupAuthority,
  store: Store,
  hosts: HostRegistry,
): Hosting {
  const { dir, log, engine, memoryBytes } = options;
  const onTrouble = (what: string, err: unknown): void => {
    log.error({ err }, `${what} does not start`);
  };
  const modules = options.modules ?? {};
  return new PlacedHosting({
    local: new LocalHosting({
      ...{ dir, authority, engine, memoryBytes, modules, onTrouble, hosts },
      links: options.links,
    }),
    ...{ hosts, onTrouble, isHostItself: options.isHost !== false },
    hostOfRuntime: (runtime) => hostOfRuntime(store.db, runtime),
  });
}

async function firstSubscription(store: Store, tenant: string): Promise<string> {
  return await store.change(async (change) => {
    const id = await settingOf(change, FIRST_SUBSCRIPTION, randomUUID);
    await change
      .insertInto('subscriptions')
      .values({ id, tenant_id: tenant, display_name: 'Atoll' })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    return id;
  });
}

function audiencesOf({ plain, publicUrls = [] }: ControlPlaneOptions, port: number): string[] {
  const scheme = plain === true ? 'http' : 'https';
  return [...LOCAL_NAMES.map((name) => `${scheme}://${name}:${port}`), ...publicUrls];
}

function hostsOf({ host, publicUrls = [] }: ControlPlaneOptions) {
  const names = [...publicUrls.map((url) => new URL(url).hostname), host];
  const isAddress = (name: string): boolean => /^[\d.]+$|:/.test(name);
  return {
    names: [...new Set(['localhost', ...names.filter((name) => !isAddress(name))])],
    addresses: [...new Set(['127.0.0.1', '::1', ...names.filter(isAddress)])],
  };
}

async function listen(server: FastifyInstance, { host, port }: ControlPlaneOptions): Promise<void> {
  try {
    await server.listen({ host, port });
  } catch (error) {
    throw new OperatorError(
      'LISTEN_FAILED',
      `the control plane cannot listen on ${host}:${port}: ${error instanceof Error ? error.message : String(error)}`,
      'Choose another port with --port, or stop what listens there.',
    );
  }
}
