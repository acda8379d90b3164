// `atoll control`: the control plane, in the foreground. What it runs for caches outlives it.

import { Command, InvalidArgumentError, Option } from 'commander';
import { added, portNumber, positiveNumber } from '../arguments.ts';
import { interruptible } from '../interrupt.ts';
import { issuersFrom } from '../issuers.ts';
import { printJson, printLine } from '../output.ts';
import { hostTokenCommand } from './host.ts';
import { productVersion } from './version.ts';

interface Options {
  readonly data: string;
  readonly host: string;
  readonly port: number;
  readonly http?: boolean;
  readonly database?: string;
  readonly publicUrl?: string[];
  readonly trustProxy?: boolean;
  readonly domain?: string;
  readonly sizes: 'development' | 'full';
  readonly memory?: number;
  readonly exportDir?: string[];
  readonly engine?: string;
  readonly local: boolean;
  readonly module?: Record<string, string>;
  readonly issuer?: string[];
  readonly json?: boolean;
}

const GIBIBYTE = 1024 ** 3;

export function controlCommand(): Command {
  return new Command('control')
    .description("the control plane: Azure's management API over caches on this machine")
    .requiredOption('--data <D>', 'folder for its state; made when it is not there')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <port>', 'port to listen on', portNumber, 8443)
    .option('--http', 'without TLS; on loopback only')
    .option('--database <url>', 'state in PostgreSQL (postgres://...) and not in the folder')
    .option(
      '--public-url <url>',
      'another address by which clients know it; repeat for more',
      addUrl,
    )
    .option('--trust-proxy', 'a proxy in front says how it was called (X-Forwarded-*)')
    .option('--domain <domain>', 'caches are called NAME.REGION.<domain>; default: by address')
    .addOption(
      new Option('--sizes <which>', 'memory that a SKU stands for')
        .choices(['development', 'full'])
        .default('development'),
    )
    .option('--memory <GiB>', 'for all caches; default: 60% of the machine', positiveNumber)
    .option(
      '--export-dir <D>',
      'folder below which exports and imports may be files (file:///D/...); repeat for more',
      addFolder,
    )
    .option('--engine <path>', 'engine to run; default: valkey-server or redis-server on PATH')
    .option('--module <name=file>', 'a module that engines can load, as in RedisJSON=F', addModule)
    .option(
      '--issuer <URL=audience>',
      'whose tokens are good too, or a JSON file of such issuers; repeat for more',
      added,
    )
    .option('--no-local', 'only hosts run caches; default: this machine, in regions without hosts')
    .option('--json', 'what it says as JSON')
    .addCommand(hostTokenCommand())
    .action((options: Options) => interruptible((signal) => run(options, signal)));
}

async function run(options: Options, signal: AbortSignal): Promise<void> {
  const { ControlPlane } = await import('../../control/control-plane.ts');
  const { pino } = await import('pino');
  const plane = await ControlPlane.start({
    dir: options.data,
    log: pino({ name: 'control' }, pino.destination(2)),
    version: productVersion(),
    databaseUrl: options.database,
    host: options.host,
    port: options.port,
    plain: options.http === true,
    trustsProxy: options.trustProxy === true,
    publicUrls: options.publicUrl ?? [],
    domain: options.domain,
    sizing: options.sizes,
    memoryBytes: options.memory === undefined ? undefined : options.memory * GIBIBYTE,
    exportDirs: options.exportDir ?? [],
    engine: options.engine,
    isHost: options.local,
    modules: options.module ?? {},
    issuers: await issuersFrom(options.issuer ?? []),
  });
  const { url, tenant, subscription, caFile, owner } = plane;
  if (options.json === true) printJson({ url, tenant, subscription, caFile, owner });
  else {
    printLine(`The control plane is at ${url}`);
    printLine(`  tenant        ${tenant}`);
    printLine(`  subscription  ${subscription}`);
    if (caFile !== null) printLine(`  CA            ${caFile}`);
    if (owner !== null) {
      printLine('Its owner, shown this once:');
      printLine(`  client id     ${owner.clientId}`);
      printLine(`  secret        ${owner.clientSecret}`);
    }
    printLine('Ctrl-C ends it; caches run on.');
  }
  if (!signal.aborted) {
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  }
  await plane.stop();
}

function addUrl(text: string, earlier: readonly string[] = []): string[] {
  if (!URL.canParse(text)) throw new InvalidArgumentError('It must be a URL.');
  return [...earlier, text];
}

function addFolder(text: string, earlier: readonly string[] = []): string[] {
  return [...earlier, text];
}

function addModule(text: string, earlier: Record<string, string> = {}): Record<string, string> {
  const [, name, file] =
    /^(RediSearch|RedisJSON|RedisBloom|RedisTimeSeries)=(.+)$/.exec(text) ?? [];
  if (name !== undefined && file !== undefined) return { ...earlier, [name]: file };
  throw new InvalidArgumentError(
    'It must be NAME=FILE; names are RediSearch, RedisJSON, RedisBloom, RedisTimeSeries.',
  );
}
