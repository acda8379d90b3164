// `atoll host`: this machine runs engines and replicators of a region for a control plane elsewhere. And what lets it:
// `atoll control host-token`.

import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { OperatorError } from '../../base/errors.ts';
import { portNumber, positiveNumber } from '../arguments.ts';
import { interruptible } from '../interrupt.ts';
import { printJson, printLine } from '../output.ts';
import { productVersion } from './version.ts';

interface Options {
  readonly data: string;
  readonly join?: string;
  readonly token?: string;
  readonly region?: string;
  readonly name?: string;
  readonly address?: string;
  readonly port?: number;
  readonly memory?: number;
  readonly engine?: string;
  readonly module?: Record<string, string>;
  readonly json?: boolean;
}

const MINUTE_MS = 60_000;
const TOKEN_MINUTES = 60;

export function hostCommand(): Command {
  return new Command('host')
    .description('runs caches of a region on this machine, for a control plane elsewhere')
    .option('--data <D>', 'folder for its state; made when it is not there', 'atoll-host')
    .option('--join <url>', 'the control plane; needed once')
    .option('--token <token>', 'of `atoll control host-token`; needed once; or ATOLL_HOST_TOKEN')
    .option('--region <region>', 'in which this machine is')
    .option('--name <name>', 'of this host; default: that of the machine')
    .option('--address <ip>', 'where control plane, clients and other hosts reach this machine')
    .option('--port <port>', 'on which it listens for the control plane; default: 7443', portNumber)
    .option('--memory <bytes>', 'for all caches; default: 60% of the machine', positiveNumber)
    .option('--engine <path>', 'engine to run; default: valkey-server or redis-server on PATH')
    .option('--module <name=file>', 'a module that engines can load, as in RedisJSON=F', addModule)
    .option('--json', 'what it says as JSON')
    .action((options: Options) => interruptible((signal) => run(options, signal)));
}

async function run(options: Options, signal: AbortSignal): Promise<void> {
  const { Host } = await import('../../host/host.ts');
  const { pino } = await import('pino');
  const { join: url, token = process.env.ATOLL_HOST_TOKEN } = options;
  const isFirst = !existsSync(join(options.data, 'host.json'));
  const host = await Host.start({
    dir: options.data,
    log: pino({ name: 'host' }, pino.destination(2)),
    version: productVersion(),
    join: url === undefined || token === undefined ? undefined : { url, token },
    name: options.name ?? (isFirst ? nameOfMachine() : undefined),
    region: options.region,
    address: options.address,
    port: options.port,
    memoryBytes: options.memory,
    engine: options.engine,
    modules: options.module ?? {},
  });
  const { name, region, address, port } = host.identity;
  if (options.json === true) printJson({ name, region, address, port });
  else {
    printLine(`Host ${name} of ${region} listens for its control plane on ${address}:${port}`);
    printLine('Ctrl-C ends it; caches run on.');
  }
  if (!signal.aborted) {
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  }
  await host.stop();
}

function nameOfMachine(): string {
  const plain = hostname()
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, '-');
  return plain.replace(/^-+/, '').slice(0, 63) || 'host';
}

function addModule(text: string, earlier: Record<string, string> = {}): Record<string, string> {
  const [, name, file] = /^(\w+)=(.+)$/.exec(text) ?? [];
  if (name !== undefined && file !== undefined) return { ...earlier, [name]: file };
  throw new InvalidArgumentError('It must be NAME=FILE.');
}

interface TokenOptions {
  readonly data: string;
  readonly region: string;
  readonly minutes: number;
  readonly json?: boolean;
}

/** Needs the folder of the control plane, and not the control plane itself. */
export function hostTokenCommand(): Command {
  return new Command('host-token')
    .description('prints a token with which one machine becomes a host of a region, once')
    .requiredOption('--region <region>', 'in which the machine is')
    .option('--minutes <n>', 'for how long it can be used', positiveNumber, TOKEN_MINUTES)
    .action(async (_options: object, command: Command) => {
      await printToken(command.optsWithGlobals<TokenOptions>());
    });
}

async function printToken({ data, region, minutes, json }: TokenOptions): Promise<void> {
  const { makeHostToken } = await import('../../control/hosts/host-token.ts');
  const { Sealer } = await import('../../control/store/sealing.ts');
  const { regionNamed } = await import('../../group/regions.ts');
  const files = { key: join(data, 'secrets.key'), authority: join(data, 'ca', 'ca.pem') };
  if (!existsSync(files.key) || !existsSync(files.authority)) {
    throw new OperatorError(
      'NO_CONTROL_PLANE',
      `no control plane has been started in ${data} yet`,
      'Name its folder with --data, or start it first.',
    );
  }
  const token = makeHostToken(Sealer.open(files.key), {
    region: regionNamed(region),
    ...{ lifetimeMs: minutes * MINUTE_MS, nowMs: Date.now() },
    authority: readFileSync(files.authority, 'utf8'),
  });
  if (json === true) printJson({ token, minutes });
  else printLine(token);
}
