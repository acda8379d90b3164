// The replicator as a process: `main.ts --config FILE`. Logs JSON lines to stdout; SIGTERM stops it cleanly;
// what it cannot live with ends it with code 1 after one line that says why and what to do.

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Logger, pino } from 'pino';
import { OperatorError } from '../base/errors.ts';
import { serveAdmin, serveJoin } from './admin.ts';
import { type ReplicatorConfig, replicatorConfigSchema } from './config.ts';
import { dropHeldSnapshot } from './join/held-file.ts';
import { becomeMember, mustJoin } from './join/newcomer.ts';
import type { JoinProgress } from './join/progress.ts';
import { Lives } from './lives.ts';
import { Metrics } from './metrics.ts';
import type { Replicator } from './replicator.ts';

function readConfig(file: string): ReplicatorConfig {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new OperatorError(
      'CONFIG_UNREADABLE',
      `the settings ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      'Name a JSON file with --config.',
    );
  }
  const parsed = replicatorConfigSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new OperatorError(
    'CONFIG_INVALID',
    `the settings ${file} are not valid: ${issue?.path.join('.')}: ${issue?.message}`,
    'Correct this field.',
  );
}

/** Tells how far it has come meanwhile, and returns how far it came. */
async function joinFirst(config: ReplicatorConfig, logger: Logger): Promise<JoinProgress | null> {
  let progress: JoinProgress | null = null;
  const server = await serveJoin(config.admin, () => progress);
  try {
    await becomeMember(config, logger, (latest) => {
      progress = latest;
    });
    return progress;
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

/** On a disk that is full lines are lost, and nothing else. */
function destination() {
  const stream = pino.destination({ sync: true });
  stream.on('error', () => {});
  return stream;
}

function die(logger: Logger, error: unknown): never {
  if (error instanceof OperatorError) {
    logger.fatal({ code: error.code, action: error.action }, `${error.message}. ${error.action}`);
  } else {
    logger.fatal({ error }, error instanceof Error ? error.message : String(error));
  }
  process.exit(1);
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { config: { type: 'string' } } });
  let logger = pino({ base: null }, destination());
  try {
    const config = readConfig(values.config ?? '');
    const region = config.members.find((m) => m.id === config.self)?.region;
    logger = pino({ base: { region, group: config.group }, level: config.logLevel }, destination());
    let joined: JoinProgress | null = null;
    if (mustJoin(config)) joined = await joinFirst(config, logger);
    // One that is left over from before a crash.
    else dropHeldSnapshot(config.stateDir);
    const lives = new Lives(config, logger, (error) => die(logger, error));
    const now = (): Replicator => lives.replicator;
    const metrics = new Metrics(() => now().status());
    const server = await serveAdmin(config.admin, {
      status: () => now().status(),
      join: () => joined,
      metrics: async () => ({ contentType: metrics.contentType, text: await metrics.text() }),
      conflicts: (query) => now().inquiries.conflicts(query),
      key: (key) => now().inquiries.key(key),
      cut: (peers) => now().cut(peers),
      heal: (peers) => now().heal(peers),
      setClock: (setting) => now().setClock(setting),
    });
    await lives.start();
    logger.info({ engine: config.engine.port, admin: config.admin.port }, 'replicator is running');
    const stop = (): void => {
      server.close();
      lives.stop().then(
        () => process.exit(0),
        (error: unknown) => die(logger, error),
      );
    };
    process.once('SIGTERM', stop);
    process.once('SIGINT', stop);
  } catch (error) {
    die(logger, error);
  }
}

await main();
