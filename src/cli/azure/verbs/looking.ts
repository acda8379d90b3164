// Looking at what is under way: the status of an operation, waiting for a state, and whether clients can connect.

import { type Command, InvalidArgumentError } from 'commander';
import { OperatorError } from '../../../base/errors.ts';
import { positiveNumber } from '../../arguments.ts';
import { ENTERPRISE_VERSION as VERSION } from '../api-versions.ts';
import { needs } from '../enterprise-options.ts';
import { ArmFailure } from '../failure.ts';
import { at, type Json, textAt } from '../json.ts';
import { type CommonOptions, option } from '../options.ts';
import type { Session } from '../session.ts';
import type { Target } from '../targets.ts';
import { verb, verbs } from '../verb.ts';

interface StatusOptions {
  readonly operationId?: string;
  readonly location?: string;
}

export function operationStatusCommand(): Command {
  return verbs('operation-status', 'long-running operations', [
    verb<StatusOptions>({
      name: 'show',
      about: 'how far an operation is',
      target: 'none',
      options: [
        option('--operation-id <id>', 'as in the address that the operation answered with'),
        option('-l, --location <region>', 'region'),
      ],
      check: ({ operationId, location }) => {
        needs(operationId, '--operation-id');
        needs(location, '--location/-l');
      },
      run: async ({ client }, { id }, { operationId = '', location = '' }) => {
        const [where, which] = [location, operationId].map(encodeURIComponent);
        const path = `${id}/providers/Microsoft.Cache/locations/${where}/operationsStatus/${which}`;
        return await client.get(path, VERSION);
      },
    }),
  ]);
}

interface WaitOptions {
  readonly created?: boolean;
  readonly updated?: boolean;
  readonly deleted?: boolean;
  readonly exists?: boolean;
  readonly interval: number;
  readonly timeout: number;
}

const INTERVAL_SECONDS = 30;
const TIMEOUT_SECONDS = 3_600;

export function waitCommand(target: 'cluster' | 'database'): Command {
  const interval = option('--interval <seconds>', 'between two looks', { parse: positiveNumber });
  const timeout = option('--timeout <seconds>', 'at most', { parse: positiveNumber });
  interval[0]?.default(INTERVAL_SECONDS);
  timeout[0]?.default(TIMEOUT_SECONDS);
  return verb<WaitOptions>({
    ...{ name: 'wait', about: `wait until a ${target} is as it should be`, target },
    options: [
      option('--created', 'it is there, and nothing is under way'),
      option('--updated', 'the same'),
      option('--deleted', 'it is not there'),
      option('--exists', 'it is there'),
      ...[interval, timeout],
    ],
    check: ({ created, updated, deleted, exists }) => {
      if (created || updated || deleted || exists) return;
      throw new InvalidArgumentError('name what to wait for: --created, --deleted, --exists');
    },
    run: waitFor,
  });
}

async function waitFor(
  { client, progress }: Session,
  { id, name }: Target,
  options: WaitOptions & CommonOptions,
): Promise<undefined> {
  const deadlineMs = performance.now() + 1_000 * options.timeout;
  const { setTimeout: delay } = await import('node:timers/promises');
  try {
    for (;;) {
      const state = await stateOf(client, id);
      if (options.deleted ? state === null : isReached(state, options)) return undefined;
      progress.show(state ?? 'not there');
      if (performance.now() > deadlineMs) throw late(name, options.timeout);
      await delay(1_000 * options.interval);
    }
  } finally {
    progress.clear();
  }
}

function isReached(state: string | null, { exists }: WaitOptions): boolean {
  if (exists === true) return state !== null;
  if (state === 'Failed') throw new OperatorError('FAILED', 'it is in the state Failed', '');
  return state === 'Succeeded';
}

/** null: it is not there. */
async function stateOf(client: Session['client'], id: string): Promise<string | null> {
  try {
    return textAt(await client.get(id, VERSION), 'properties', 'provisioningState');
  } catch (error) {
    if (error instanceof ArmFailure && error.status === 404) return null;
    throw error;
  }
}

function late(name: string, seconds: number): OperatorError {
  const message = `${name} is not as it should be after ${seconds} s`;
  return new OperatorError('WAIT_TIMEOUT', message, 'Look at its state, or wait longer.');
}

export function testConnectionCommand(): Command {
  return verb({
    name: 'test-connection',
    about: 'connect to the default database of a cluster as its clients do, with its key',
    target: 'cluster',
    run: async (session, { id }) => await connected(session, id),
  });
}

async function connected({ client, account }: Session, id: string): Promise<Json> {
  const cluster = await client.get(id, VERSION);
  const path = `${id}/databases/default`;
  const database = await client.get(path, VERSION);
  const keys = await client.begin({ method: 'POST', path: `${path}/listKeys`, version: VERSION });
  const host = textAt(cluster, 'properties', 'hostName');
  const port = Number(at(database, 'properties', 'port') ?? 0);
  const isEncrypted = textAt(database, 'properties', 'clientProtocol') !== 'Plaintext';
  const { Redis } = await import('ioredis');
  const redis = new Redis({
    ...{ host, port, password: textAt(keys, 'primaryKey'), lazyConnect: true },
    ...(isEncrypted ? { tls: account.ca === null ? {} : { ca: account.ca } } : {}),
    retryStrategy: () => null,
  });
  redis.on('error', () => {});
  const beganMs = performance.now();
  try {
    await redis.connect();
    const reply = await redis.ping();
    const elapsedMs = Math.round(performance.now() - beganMs);
    return { ...{ status: 'Succeeded', host, port, tls: isEncrypted, reply }, elapsedMs };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new OperatorError(
      'CONNECTION_FAILED',
      `${host}:${port} does not let its clients in: ${message}`,
      'Is the cluster running, and does this machine reach that address?',
    );
  } finally {
    redis.disconnect();
  }
}
